import { blockCount, fileBlocks, tailSize } from "./block-list.ts";
import type { DataBlock } from "./data-block.ts";
import type { FragmentTable } from "./fragment-table.ts";
import type { ImageContext } from "./image-context.ts";
import type { FileInode } from "./inode.ts";
import { DATA_READ_SIZE } from "./limits.ts";
import type { MetadataRegion } from "./metadata.ts";

/** A piece of a file as it lies on disk, so that another image can take it over without decompressing. */
export type RawPiece =
  /** `bytes` are borrowed until the next piece; compressed unless `stored`. `size` is that of the content. */
  | {
      readonly kind: "block";
      readonly offset: number;
      readonly bytes: Uint8Array;
      readonly stored: boolean;
      readonly size: number;
    }
  | { readonly kind: "hole"; readonly size: number }
  /** The tail: `size` bytes from `offset` on in the decompressed fragment block `index`. */
  | { readonly kind: "fragment"; readonly index: number; readonly offset: number; readonly size: number };

/** A fragment block as it lies on disk. */
export interface RawFragmentBlock {
  readonly offset: number;
  /** Borrowed; compressed unless `stored`. */
  readonly bytes: Uint8Array;
  readonly stored: boolean;
}

/** The parts of an open image that reading file content takes. */
export interface ContentTables {
  readonly context: ImageContext;
  readonly inodes: MetadataRegion;
  readonly fragments: FragmentTable;
  readonly dataEnd: number;
}

/**
 * A file piece by piece, holes next to each other joined. Block places are checked, contents are not.
 * @param range blocks to begin with and to stop before; the tail follows where `endBlock` is past the last one
 */
export async function* rawPieces(
  tables: ContentTables,
  inode: FileInode,
  { firstBlock = 0, endBlock = Number.POSITIVE_INFINITY }: { firstBlock?: number; endBlock?: number } = {},
): AsyncGenerator<RawPiece, void, void> {
  const { context, inodes, dataEnd, fragments } = tables;
  let hole = 0;
  for await (const batch of fileBlocks(context, inodes, inode, dataEnd)) {
    const wanted = batch.filter((block) => block.index >= firstBlock && block.index < endBlock);
    for (const run of diskRuns(wanted)) {
      const first = run[0] as DataBlock;
      if (first.diskSize === 0) {
        for (const block of run) hole += block.size;
        continue;
      }
      if (hole > 0) yield { kind: "hole", size: hole };
      hole = 0;
      // Blocks of a run stand one after the other on disk: one read.
      const last = run[run.length - 1] as DataBlock;
      const bytes = await context.source.read(first.offset, last.offset + last.diskSize - first.offset);
      for (const { offset, diskSize, stored, size } of run) {
        const start = offset - first.offset;
        yield { kind: "block", offset, bytes: bytes.subarray(start, start + diskSize), stored, size };
      }
    }
    if ((batch[batch.length - 1]?.index ?? 0) >= endBlock) break;
  }
  if (hole > 0) yield { kind: "hole", size: hole };
  const tail = tailSize(inode, context.header.blockSize);
  if (inode.fragment !== undefined && tail > 0 && endBlock > blockCount(inode, context.header.blockSize)) {
    await fragments.block(inode.fragment.index);
    yield { kind: "fragment", index: inode.fragment.index, offset: inode.fragment.offset, size: tail };
  }
}

/** Cuts blocks into runs that are all holes, or all data of at most so many bytes on disk. */
function* diskRuns(blocks: readonly DataBlock[]): Generator<readonly DataBlock[], void, void> {
  let run: DataBlock[] = [];
  let size = 0;
  for (const block of blocks) {
    const before = run[run.length - 1];
    const sameKind = before === undefined || (before.diskSize === 0) === (block.diskSize === 0);
    if (!sameKind || (run.length > 0 && size + block.diskSize > DATA_READ_SIZE)) {
      yield run;
      run = [];
      size = 0;
    }
    run.push(block);
    size += block.diskSize;
  }
  if (run.length > 0) yield run;
}
