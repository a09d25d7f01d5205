import { type DataBlock, dataBlock } from "./data-block.ts";
import type { ImageContext } from "./image-context.ts";
import type { FileInode } from "./inode.ts";
import type { MetadataRegion } from "./metadata.ts";

/** Blocks listed at a time: bounds memory for files of any size. */
const BATCH = 512;
const WORD_SIZE = 4;

/** A block of a file's own; `diskSize` 0 is a hole. */
export interface FileBlock extends DataBlock {
  /** In the file, from 0. */
  readonly index: number;
}

/** Bytes at a file's end that are in a fragment block. */
export function tailSize(inode: FileInode, blockSize: number): number {
  return inode.fragment === undefined ? 0 : inode.size % blockSize;
}

/** Number of a file's own blocks; the last may be short. */
export function blockCount(inode: FileInode, blockSize: number): number {
  return inode.fragment === undefined ? Math.ceil(inode.size / blockSize) : Math.floor(inode.size / blockSize);
}

/**
 * A file's own blocks in order, in batches. Places follow from sizes, so those in front of what is wanted are
 * read too, though not their data.
 */
export async function* fileBlocks(
  context: ImageContext,
  inodes: MetadataRegion,
  inode: FileInode,
  dataEnd: number,
): AsyncGenerator<readonly FileBlock[], void, void> {
  const { blockSize } = context.header;
  const count = blockCount(inode, blockSize);
  if (count === 0) return;
  const cursor = await inodes.cursor(inode.blockList.blockStart, inode.blockList.blockOffset);
  let offset = inode.blocksStart;
  for (let first = 0; first < count; first += BATCH) {
    const size = Math.min(BATCH, count - first) * WORD_SIZE;
    if (cursor.available < size) await cursor.fill(size);
    const words = cursor.take(size);
    const view = new DataView(words.buffer, words.byteOffset, size);
    const blocks: FileBlock[] = [];
    for (let i = 0; i < size; i += WORD_SIZE) {
      const index = first + i / WORD_SIZE;
      const contentSize = Math.min(blockSize, inode.size - index * blockSize);
      const block = dataBlock(context, dataEnd, offset, view.getUint32(i, true), contentSize);
      offset += block.diskSize;
      blocks.push({ ...block, index });
    }
    yield blocks;
  }
}
