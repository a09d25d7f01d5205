import { METADATA_BLOCK_SIZE } from "../format.ts";
import type { TableName } from "./errors.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import { MetadataRegion } from "./metadata.ts";

const POINTER_SIZE = 8;

/**
 * A table of equal records, found by number: an index of u64 places of metadata blocks, each holding 8192
 * bytes of records. The blocks stand in front of the index, in its order.
 */
export class LookupTable {
  readonly table: TableName;
  readonly count: number;
  /** Where the metadata blocks begin: the end of whatever stands in front. */
  readonly blocksStart: number;
  readonly region: MetadataRegion;
  readonly #context: ImageContext;
  readonly #recordsPerBlock: number;
  readonly #recordSize: number;
  readonly #indexStart: number;
  /** The block that was used last: neighbours are asked for in a row. */
  #recentIndex = -1;
  #recentStart = 0;

  private constructor(context: ImageContext, options: LookupTableOptions, blocksStart: number) {
    this.#context = context;
    this.table = options.table;
    this.count = options.count;
    this.#recordSize = options.recordSize;
    this.#recordsPerBlock = METADATA_BLOCK_SIZE / options.recordSize;
    this.#indexStart = options.indexStart;
    this.blocksStart = blocksStart;
    this.region = new MetadataRegion(context, options.table, blocksStart, options.blocksEnd);
  }

  /** Checks that index and blocks have room, as Linux does; reads only the first place. */
  static async open(context: ImageContext, options: LookupTableOptions): Promise<LookupTable> {
    const { table, indexStart, end } = options;
    const blockCount = Math.ceil((options.count * options.recordSize) / METADATA_BLOCK_SIZE);
    const indexEnd = indexStart + blockCount * POINTER_SIZE;
    // Linux: the index must end where the next table begins, exactly.
    if (blockCount === 0 || indexEnd !== end)
      throw damaged(context, "TABLE_MISPLACED", table, {
        offset: indexStart,
        rule: `an index of ${options.count} records must end where the next table begins, at ${end}`,
        seen: indexEnd,
      });
    const first = await readPointer(context, options, 0);
    return new LookupTable(context, options, first);
  }

  get blockCount(): number {
    return Math.ceil(this.count / this.#recordsPerBlock);
  }

  /** Absolute place of the table's nth metadata block. */
  async blockStart(index: number): Promise<number> {
    if (index === this.#recentIndex) return this.#recentStart;
    const options = { table: this.table, indexStart: this.#indexStart, blocksEnd: this.region.end };
    const start = await readPointer(this.#context, options, index);
    this.#recentIndex = index;
    this.#recentStart = start;
    return start;
  }

  /** The bytes of record `index`, which the caller has checked to be below `count`. Borrowed. */
  async record(index: number): Promise<Uint8Array> {
    const blockIndex = Math.floor(index / this.#recordsPerBlock);
    const start = await this.blockStart(blockIndex);
    const { data } = await this.region.block(start);
    const offset = (index % this.#recordsPerBlock) * this.#recordSize;
    if (offset + this.#recordSize > data.length)
      throw damaged(this.#context, "METADATA_SHORT", this.table, {
        offset: start,
        rule: `record ${index} is past the end of its metadata block`,
        seen: data.length,
      });
    return data.subarray(offset, offset + this.#recordSize);
  }
}

export interface LookupTableOptions {
  readonly table: TableName;
  readonly count: number;
  /** 4, 8 or 16: divides 8192. */
  readonly recordSize: number;
  /** Absolute place of the index. */
  readonly indexStart: number;
  /** Where the index must end. */
  readonly end: number;
  /** Where the metadata blocks must end: the index, or a header in front of it. */
  readonly blocksEnd: number;
}

async function readPointer(
  context: ImageContext,
  { table, indexStart, blocksEnd }: Pick<LookupTableOptions, "table" | "indexStart" | "blocksEnd">,
  index: number,
): Promise<number> {
  const offset = indexStart + index * POINTER_SIZE;
  const bytes = await context.readAhead.read(offset, POINTER_SIZE);
  const pointer = new DataView(bytes.buffer, bytes.byteOffset, POINTER_SIZE).getBigUint64(0, true);
  if (pointer >= BigInt(blocksEnd))
    throw damaged(context, "TABLE_MISPLACED", table, {
      offset,
      rule: `metadata block ${index} must begin in front of the index`,
      seen: pointer,
      limit: blocksEnd,
    });
  return Number(pointer);
}
