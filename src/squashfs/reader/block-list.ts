import { METADATA_BLOCK_SIZE } from "../format.ts";
import { type DataBlock, dataBlock } from "./data-block.ts";
import type { ImageContext } from "./image-context.ts";
import type { FileInode } from "./inode.ts";
import type { MetadataRegion } from "./metadata.ts";

/** Blocks listed at a time: bounds memory for files of any size. */
const BATCH = 512;
const WORD_SIZE = 4;
/** Blocks of a file whose list goes through so many metadata blocks that nobody else wants those in its middle. */
const LONG_LIST: number = (4 * METADATA_BLOCK_SIZE) / WORD_SIZE;

/** A block of a file's own, or a hole of any number of blocks. */
export type FileBlock =
  | ({ readonly kind: "block" /** In the file, from 0. */; readonly index: number } & DataBlock)
  | { readonly kind: "hole"; readonly index: number; readonly size: number };

/** Bytes at a file's end that are in a fragment block. */
export function tailSize(inode: FileInode, blockSize: number): number {
  return inode.fragment === undefined ? 0 : inode.size % blockSize;
}

/** Number of a file's own blocks; the last may be short. */
export function blockCount(inode: FileInode, blockSize: number): number {
  return inode.fragment === undefined ? Math.ceil(inode.size / blockSize) : Math.floor(inode.size / blockSize);
}

/**
 * A file's own blocks in order, in batches, from block `first` up to `end`. Places follow from sizes, so those
 * in front are read too, though not their data. A batch of nothing but holes is one entry: a small image can
 * hold a file of terabytes of them.
 */
export async function* fileBlocks(
  context: ImageContext,
  inodes: MetadataRegion,
  inode: FileInode,
  dataEnd: number,
  { first, end }: { readonly first: number; readonly end: number },
): AsyncGenerator<readonly FileBlock[], void, void> {
  const { blockSize } = context.header;
  const count = Math.min(blockCount(inode, blockSize), end);
  if (count === 0) return;
  const use = count > LONG_LIST ? "passing" : "kept";
  const cursor = await inodes.cursor(inode.blockList.blockStart, inode.blockList.blockOffset, use);
  let offset = inode.blocksStart;
  let start = 0;
  while (start < count) {
    if (cursor.available < WORD_SIZE) await cursor.fill(WORD_SIZE);
    // What is at hand; joining metadata blocks to get full batches would cost more than it saves.
    const size = Math.min(BATCH, count - start, Math.floor(cursor.available / WORD_SIZE)) * WORD_SIZE;
    const words = cursor.take(size);
    const view = new DataView(words.buffer, words.byteOffset, size);
    const blocks: FileBlock[] = [];
    let hole: { index: number; size: number } | undefined;
    const closeHole = (): void => {
      if (hole !== undefined) blocks.push({ kind: "hole", ...hole });
      hole = undefined;
    };
    for (let i = 0; i < size; i += WORD_SIZE) {
      const index = start + i / WORD_SIZE;
      const word = view.getUint32(i, true);
      const contentSize = Math.min(blockSize, inode.size - index * blockSize);
      if (word === 0) {
        if (index < first) continue;
        hole ??= { index, size: 0 };
        hole.size += contentSize;
        continue;
      }
      const block = dataBlock(context, dataEnd, offset, word, contentSize);
      offset += block.diskSize;
      if (index < first) continue;
      closeHole();
      blocks.push({ kind: "block", index, ...block });
    }
    closeHole();
    start += size / WORD_SIZE;
    if (blocks.length > 0) yield blocks;
  }
}
