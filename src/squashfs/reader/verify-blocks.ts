import { tailSize } from "./block-list.ts";
import { decodeDataBlock } from "./data-block.ts";
import { damaged } from "./image-context.ts";
import type { FileInode } from "./inode.ts";
import { type ContentTables, rawPieces } from "./raw-blocks.ts";

/** More than any content size: packs a block's two sizes into one number. */
const SIZE_FACTOR = 2 ** 21;

/** Decompresses data and fragment blocks, each once however many files share it. */
export class BlockVerifier {
  readonly #tables: ContentTables;
  /** By place: size on disk × 2^21 + content size. A number for each block is what the memory goes into. */
  readonly #sizes = new Map<number, number>();
  readonly #fragmentSizes: number[] = [];
  /** Bytes of decompressed blocks. */
  contentSize = 0;
  /** Blocks that are on disk as they are, not compressed. */
  storedCount = 0;

  constructor(tables: ContentTables) {
    this.#tables = tables;
  }

  get blockCount(): number {
    return this.#sizes.size;
  }

  async verifyFragments(signal?: AbortSignal): Promise<void> {
    const { fragments, context } = this.#tables;
    for (let index = 0; index < fragments.count; index++) {
      signal?.throwIfAborted();
      const { offset, diskSize, stored } = await fragments.block(index);
      const { length } = await fragments.content(index);
      // Two entries for one block are no fault that a reader meets, but no writer makes them.
      if (!this.#note(offset, diskSize, length))
        throw damaged(context, "CONTENT_MISMATCH", "fragment table", {
          offset,
          rule: "two fragment blocks are at one place",
        });
      if (stored) this.storedCount++;
      this.#fragmentSizes.push(length);
    }
  }

  /** Decompresses what no earlier file had; call `verifyFragments` first. */
  async verifyFile(inode: FileInode, signal?: AbortSignal): Promise<void> {
    const { context } = this.#tables;
    let size = 0;
    for await (const piece of rawPieces(this.#tables, inode)) {
      signal?.throwIfAborted();
      size += piece.size;
      if (piece.kind === "fragment") this.#verifyTail(piece.index, piece.offset + piece.size, inode);
      if (piece.kind !== "block") continue;
      const { offset, bytes, stored } = piece;
      if (!this.#note(offset, bytes.length, piece.size)) continue;
      if (stored) this.storedCount++;
      decodeDataBlock(context, { offset, diskSize: bytes.length, stored, size: piece.size }, bytes);
    }
    if (size !== inode.size)
      throw damaged(context, "CONTENT_MISMATCH", "data", {
        offset: inode.blocksStart,
        rule: `a file of ${inode.size} bytes (tail ${tailSize(inode, context.header.blockSize)})`,
        seen: size,
      });
  }

  /** Blocks may be shared whole, never in part. */
  verifyPlaces(): void {
    let end = 0;
    for (const [offset, packed] of [...this.#sizes].sort(([a], [b]) => a - b)) {
      if (offset < end)
        throw damaged(this.#tables.context, "CONTENT_MISMATCH", "data", {
          offset,
          rule: `a block must begin behind the one before, at ${end} or later`,
          seen: offset,
        });
      end = offset + Math.floor(packed / SIZE_FACTOR);
    }
  }

  #verifyTail(index: number, end: number, inode: FileInode): void {
    const limit = this.#fragmentSizes[index] ?? 0;
    if (end > limit)
      throw damaged(this.#tables.context, "BLOCK_INVALID", "data", {
        offset: inode.blocksStart,
        rule: `the tail of file ${inode.inodeNumber} is outside fragment block ${index}`,
        seen: end,
        limit,
      });
  }

  /** True where the block is new. */
  #note(offset: number, diskSize: number, size: number): boolean {
    const packed = diskSize * SIZE_FACTOR + size;
    const earlier = this.#sizes.get(offset);
    if (earlier === packed) return false;
    if (earlier !== undefined)
      throw damaged(this.#tables.context, "CONTENT_MISMATCH", "data", {
        offset,
        rule: `a block must be the same for all files that share it, ${Math.floor(earlier / SIZE_FACTOR)} bytes with ${earlier % SIZE_FACTOR} of content`,
        seen: `${diskSize} with ${size}`,
      });
    this.#sizes.set(offset, packed);
    this.contentSize += size;
    return true;
  }
}
