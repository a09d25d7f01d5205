import type { BodyPart } from "../../bytes/file-body.ts";
import { type DataBlock, decodeDataBlock } from "./data-block.ts";
import type { FileInode } from "./inode.ts";
import { type ContentTables, type RawPiece, rawPieces } from "./raw-blocks.ts";

/** Which bytes of a file, and how to stop. */
export interface ContentRange {
  /** First byte; default 0. */
  readonly start?: number;
  /** Byte behind the last; default, and at most, the file's size. */
  readonly end?: number;
  readonly signal?: AbortSignal;
}

const ZEROS = new Uint8Array(65_536);

/** A file's content, a block at a time, holes as holes. Parts are borrowed until the next one is asked for. */
export async function* fileParts(
  tables: ContentTables,
  inode: FileInode,
  { start = 0, end = inode.size, signal }: ContentRange = {},
): AsyncGenerator<BodyPart, void, void> {
  if (!(start >= 0) || !(end >= 0)) throw new RangeError(`bytes ${start}…${end} of a file`);
  const limit = Math.min(end, inode.size);
  if (start >= limit) return;
  const { blockSize } = tables.context.header;
  const firstBlock = Math.floor(start / blockSize);
  let position = firstBlock * blockSize;
  for await (const piece of rawPieces(tables, inode, { firstBlock, endBlock: Math.ceil(limit / blockSize) })) {
    signal?.throwIfAborted();
    // What lies in front of `start` only happens in the first piece.
    const from = Math.max(0, start - position);
    const to = Math.min(piece.size, limit - position);
    position += piece.size;
    if (from < to) {
      if (piece.kind === "hole") yield { zeros: to - from };
      else yield (await pieceContent(tables, piece)).subarray(from, to);
    }
    if (position >= limit) return;
  }
}

async function pieceContent(tables: ContentTables, piece: Exclude<RawPiece, { kind: "hole" }>): Promise<Uint8Array> {
  if (piece.kind === "fragment") return tables.fragments.tail(piece, piece.size);
  const { offset, stored, size, bytes } = piece;
  const block: DataBlock = { offset, diskSize: bytes.length, stored, size };
  return decodeDataBlock(tables.context, block, bytes);
}

/** Parts as plain chunks, holes as zeros. */
export async function* withoutHoles(parts: AsyncIterable<BodyPart>): AsyncGenerator<Uint8Array, void, void> {
  for await (const part of parts) {
    if (part instanceof Uint8Array) {
      yield part;
      continue;
    }
    for (let left = part.zeros; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
  }
}
