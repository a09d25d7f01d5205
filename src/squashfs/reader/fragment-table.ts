import { FRAGMENT_ENTRY } from "../format.ts";
import { ByteCache } from "./byte-cache.ts";
import { type DataBlock, dataBlock, decodeFragmentBlock } from "./data-block.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import type { FileInode } from "./inode.ts";
import { FRAGMENT_CACHE_SIZE } from "./limits.ts";
import type { LookupTable } from "./lookup-table.ts";

/** Blocks that many files' tails share. */
export class FragmentTable {
  readonly #context: ImageContext;
  readonly #table: LookupTable | undefined;
  readonly #dataEnd: number;
  readonly #contents = new ByteCache<Uint8Array>(FRAGMENT_CACHE_SIZE, (content) => content.length);

  constructor(context: ImageContext, table: LookupTable | undefined, dataEnd: number) {
    this.#context = context;
    this.#table = table;
    this.#dataEnd = dataEnd;
  }

  get count(): number {
    return this.#table?.count ?? 0;
  }

  /** Where fragment block `index` stands. Its `size` is the block size: the most it can hold. */
  async block(index: number): Promise<DataBlock> {
    if (this.#table === undefined || index >= this.#table.count)
      throw damaged(this.#context, "REFERENCE_OUTSIDE", "fragment table", {
        offset: this.#context.header.fragmentTableStart,
        rule: "a file's tail is in a fragment block that is not in the table",
        seen: index,
        limit: this.count,
      });
    const entry = FRAGMENT_ENTRY.read(await this.#table.record(index));
    const { blockSize } = this.#context.header;
    if (entry.blockStart > BigInt(this.#dataEnd) || (entry.blockSize & 0xff_ffff) === 0)
      throw damaged(this.#context, "BLOCK_INVALID", "fragment table", {
        offset: this.#context.header.fragmentTableStart,
        rule: `fragment block ${index} must have bytes, in front of the tables`,
        seen: `${entry.blockSize & 0xff_ffff} bytes at ${entry.blockStart}`,
      });
    return dataBlock(this.#context, this.#dataEnd, Number(entry.blockStart), entry.blockSize, blockSize);
  }

  /** Decompressed fragment block `index`. Borrowed from the cache. */
  async content(index: number): Promise<Uint8Array> {
    const cached = this.#contents.get(index);
    if (cached !== undefined) return cached;
    const block = await this.block(index);
    const bytes = await this.#context.source.read(block.offset, block.diskSize);
    const content = decodeFragmentBlock(this.#context, block, bytes);
    this.#contents.set(index, content);
    return content;
  }

  /** A file's tail of `size` bytes. Borrowed from the cache. */
  async tail(fragment: NonNullable<FileInode["fragment"]>, size: number): Promise<Uint8Array> {
    const content = await this.content(fragment.index);
    if (fragment.offset + size > content.length) {
      const { offset } = await this.block(fragment.index);
      throw damaged(this.#context, "BLOCK_INVALID", "data", {
        offset,
        rule: `a file's tail is outside fragment block ${fragment.index}`,
        seen: fragment.offset + size,
        limit: content.length,
      });
    }
    return content.subarray(fragment.offset, fragment.offset + size);
  }
}
