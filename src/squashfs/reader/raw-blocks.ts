import { blockCount, type FileBlock, fileBlocks, tailSize } from "./block-list.ts";
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
  for await (const batch of fileBlocks(context, inodes, inode, dataEnd, { first: firstBlock, end: endBlock })) {
    for (const run of diskRuns(batch)) {
      if (run.kind === "hole") {
        hole += run.size;
        continue;
      }
      if (hole > 0) yield { kind: "hole", size: hole };
      hole = 0;
      const bytes = await context.source.read(run.offset, run.diskSize);
      for (const { offset, diskSize, stored, size } of run.blocks) {
        const start = offset - run.offset;
        yield { kind: "block", offset, bytes: bytes.subarray(start, start + diskSize), stored, size };
      }
    }
  }
  if (hole > 0) yield { kind: "hole", size: hole };
  const tail = tailSize(inode, context.header.blockSize);
  if (inode.fragment !== undefined && tail > 0 && endBlock > blockCount(inode, context.header.blockSize)) {
    await fragments.block(inode.fragment.index);
    yield { kind: "fragment", index: inode.fragment.index, offset: inode.fragment.offset, size: tail };
  }
}

/** A hole, or blocks that stand one after the other on disk and are read at once. */
export type DiskRun =
  | { readonly kind: "hole"; readonly size: number }
  | {
      readonly kind: "blocks";
      readonly offset: number;
      readonly diskSize: number;
      readonly blocks: readonly DataBlock[];
    };

/** Joins blocks of a file, of which some may have been left out. */
export function* diskRuns(batch: readonly FileBlock[]): Generator<DiskRun, void, void> {
  let blocks: DataBlock[] = [];
  let diskSize = 0;
  const close = function* (): Generator<DiskRun, void, void> {
    const [first] = blocks;
    if (first !== undefined) yield { kind: "blocks", offset: first.offset, diskSize, blocks };
    blocks = [];
    diskSize = 0;
  };
  for (const block of batch) {
    if (block.kind === "hole") {
      yield* close();
      yield { kind: "hole", size: block.size };
      continue;
    }
    const isNext = block.offset === (blocks[0]?.offset ?? 0) + diskSize;
    if (!isNext || diskSize + block.diskSize > DATA_READ_SIZE) yield* close();
    blocks.push(block);
    diskSize += block.diskSize;
  }
  yield* close();
}
