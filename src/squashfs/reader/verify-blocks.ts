import { fileBlocks, tailSize } from "./block-list.ts";
import { checkContentSize, type DataBlock } from "./data-block.ts";
import { DecodeQueue } from "./decode-queue.ts";
import { damaged } from "./image-context.ts";
import type { FileInode } from "./inode.ts";
import { type ContentTables, diskRuns } from "./raw-blocks.ts";

/** More than any content size: packs a block's two sizes into one number. */
const SIZE_FACTOR = 2 ** 21;

/** Decompresses data and fragment blocks, each once however many files share it. */
export class BlockVerifier {
  readonly #tables: ContentTables;
  readonly #queue: DecodeQueue;
  /** By place: size on disk × 2^21 + content size. A number for each block is what the memory goes into. */
  readonly #sizes = new Map<number, number>();
  readonly #fragmentSizes: number[] = [];
  /** Bytes of decompressed blocks. */
  contentSize = 0;
  /** Blocks that are on disk as they are, not compressed. */
  storedCount = 0;

  constructor(tables: ContentTables) {
    this.#tables = tables;
    this.#queue = new DecodeQueue(tables.context);
  }

  get blockCount(): number {
    return this.#sizes.size;
  }

  async verifyFragments(signal?: AbortSignal): Promise<void> {
    const { fragments, context } = this.#tables;
    for (let index = 0; index < fragments.count; index++) {
      signal?.throwIfAborted();
      const block = await fragments.block(index);
      await this.#queue.add([block], ({ offset, diskSize }, size) => {
        // Two entries for one block are no fault that a reader meets, but no writer makes them.
        if (!this.#note(offset, diskSize, size))
          throw damaged(context, "CONTENT_MISMATCH", "fragment table", {
            offset,
            rule: "two fragment blocks are at one place",
          });
        this.#fragmentSizes[index] = size;
      });
      if (block.stored) this.storedCount++;
    }
    await this.#queue.finish();
  }

  /** Decompresses what no earlier file had; call `verifyFragments` first, and `finish` behind the last file. */
  async verifyFile(inode: FileInode, signal?: AbortSignal): Promise<void> {
    const { context, inodes, dataEnd, fragments } = this.#tables;
    const checkSize = (block: DataBlock, size: number): void => checkContentSize(context, block, size);
    let size = 0;
    for await (const batch of fileBlocks(context, inodes, inode, dataEnd, {
      first: 0,
      end: Number.POSITIVE_INFINITY,
    })) {
      signal?.throwIfAborted();
      for (const block of batch) size += block.size;
      const unknown = batch.filter((block) => block.kind === "block" && this.#isNew(block));
      for (const run of diskRuns(unknown)) if (run.kind === "blocks") await this.#queue.add(run.blocks, checkSize);
    }
    const tail = tailSize(inode, context.header.blockSize);
    if (inode.fragment !== undefined && tail > 0) {
      const { index, offset } = inode.fragment;
      await fragments.block(index);
      this.#verifyTail(index, offset + tail, inode);
      size += tail;
    }
    if (size !== inode.size)
      throw damaged(context, "CONTENT_MISMATCH", "data", {
        offset: inode.blocksStart,
        rule: `a file of ${inode.size} bytes (tail ${tail})`,
        seen: size,
      });
  }

  /** All files have been gone through: what is still being decompressed is waited for, and places are compared. */
  async finish(): Promise<void> {
    await this.#queue.finish();
    this.#verifyPlaces();
  }

  /** Blocks may be shared whole, never in part. */
  #verifyPlaces(): void {
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

  #isNew({ offset, diskSize, size, stored }: DataBlock): boolean {
    if (!this.#note(offset, diskSize, size)) return false;
    if (stored) this.storedCount++;
    return true;
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
