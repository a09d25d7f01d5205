import type { ByteString } from "../../bytes/byte-string.ts";
import type { Struct } from "../../bytes/struct.ts";
import { DecompressError } from "../decompressors/decompressor.ts";
import { METADATA_BLOCK_SIZE, METADATA_STORED } from "../format.ts";
import { ByteCache } from "./byte-cache.ts";
import type { TableName } from "./errors.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import { METADATA_CACHE_SIZE, MIN_METADATA_BLOCK_DISK_SIZE } from "./limits.ts";

const HEADER_SIZE = 2;

/** A metadata block, decompressed. */
export interface MetadataBlock {
  /** Where its header stands in the image. */
  readonly start: number;
  /** Where the next block begins: its own end. */
  readonly next: number;
  readonly data: Buffer;
  /** Of `data`: one for each record would cost more than the record. */
  readonly view: DataView;
}

/**
 * Whether blocks are kept for the next one who asks. What is read once, in order, and is long must go by: blocks that
 * fall out of the cache are garbage in V8's old generation, which it lets grow by tens of MiB before it looks.
 */
export type MetadataUse = "kept" | "passing";

/** A stretch of the image that holds metadata blocks one after the other, and nothing else. */
export class MetadataRegion {
  readonly table: TableName;
  readonly start: number;
  readonly end: number;
  readonly #context: ImageContext;
  readonly #cache: ByteCache<MetadataBlock>;

  constructor(context: ImageContext, table: TableName, start: number, end: number, cache?: ByteCache<MetadataBlock>) {
    this.#context = context;
    this.table = table;
    this.start = start;
    this.end = end;
    this.#cache = cache ?? metadataCache();
  }

  /** Most bytes that can come out of the region; what a count inside it asks for must fit. */
  get maxSize(): number {
    return Math.ceil((this.end - this.start) / MIN_METADATA_BLOCK_DISK_SIZE) * METADATA_BLOCK_SIZE;
  }

  /** The block whose header stands at `start` (absolute). */
  async block(start: number, use: MetadataUse = "kept"): Promise<MetadataBlock> {
    return this.#cache.get(start) ?? this.#load(start, use);
  }

  async #load(start: number, use: MetadataUse): Promise<MetadataBlock> {
    const { table, end } = this;
    const context = this.#context;
    if (start < this.start || start > end - HEADER_SIZE)
      throw damaged(context, "REFERENCE_OUTSIDE", table, {
        offset: start,
        rule: `a metadata block must begin in ${this.start}…${end - HEADER_SIZE}`,
      });
    const raw = await context.readAhead.read(start, Math.min(HEADER_SIZE + METADATA_BLOCK_SIZE, end - start));
    const word = (raw[0] as number) | ((raw[1] as number) << 8);
    const stored = (word & METADATA_STORED) !== 0;
    const size = word & ~METADATA_STORED;
    if (size === 0)
      throw damaged(context, "METADATA_EMPTY", table, { offset: start, rule: "a metadata block has no bytes" });
    if (size > METADATA_BLOCK_SIZE)
      throw damaged(context, "METADATA_OVERSIZE", table, {
        offset: start,
        rule: "a metadata block is too large",
        seen: size,
        limit: METADATA_BLOCK_SIZE,
      });
    const next = start + HEADER_SIZE + size;
    if (next > end)
      throw damaged(context, "METADATA_TRUNCATED", table, {
        offset: start,
        rule: `a metadata block goes past the end of its table at ${end}`,
        seen: next,
      });
    const payload = raw.subarray(HEADER_SIZE, HEADER_SIZE + size);
    // Not slice(): that of a Buffer is no copy.
    const { buffer, byteOffset, length } = stored ? new Uint8Array(payload) : this.#decompress(payload, start);
    const data = Buffer.from(buffer, byteOffset, length);
    const block = { start, next, data, view: viewOf(data) };
    if (use === "kept") this.#cache.set(start, block);
    return block;
  }

  #decompress(payload: Uint8Array, start: number): Uint8Array {
    let data: Uint8Array;
    try {
      data = this.#context.decompressor.decompress(payload, METADATA_BLOCK_SIZE);
    } catch (cause) {
      if (!(cause instanceof DecompressError)) throw cause;
      throw damaged(this.#context, "METADATA_CORRUPT", this.table, {
        offset: start,
        rule: `a metadata block does not decompress to at most ${METADATA_BLOCK_SIZE} bytes (${cause.message})`,
        cause,
      });
    }
    if (data.length === 0)
      throw damaged(this.#context, "METADATA_EMPTY", this.table, {
        offset: start,
        rule: "a metadata block has no bytes",
      });
    return data;
  }

  /** Reads on from a byte of the block at `blockStart` (absolute). `use` is for the blocks behind that one. */
  async cursor(blockStart: number, blockOffset: number, use: MetadataUse = "kept"): Promise<MetadataCursor> {
    return this.#cursorIn(await this.block(blockStart), blockOffset, use);
  }

  /** As `cursor`, without a turn of the event loop; undefined where the block is not at hand. */
  cursorAtHand(blockStart: number, blockOffset: number): MetadataCursor | undefined {
    const block = this.#cache.get(blockStart);
    return block && this.#cursorIn(block, blockOffset, "kept");
  }

  #cursorIn(block: MetadataBlock, blockOffset: number, use: MetadataUse): MetadataCursor {
    // At the very end of a full block stands the first byte of the next one.
    if (blockOffset > block.data.length || (blockOffset === block.data.length && block.next >= this.end))
      throw damaged(this.#context, "REFERENCE_OUTSIDE", this.table, {
        offset: block.start,
        rule: "an offset is past the end of its metadata block",
        seen: blockOffset,
        limit: block.data.length,
      });
    return new MetadataCursor(this, this.#context, block, blockOffset, use);
  }
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

export function metadataCache(): ByteCache<MetadataBlock> {
  return new ByteCache(METADATA_CACHE_SIZE, (block) => block.data.length);
}

/**
 * Goes through records that may cross metadata blocks. Use: `if (cursor.available < n) await cursor.fill(n)`,
 * then `take(n)`: so what lies in one block costs no turn of the event loop.
 */
export class MetadataCursor {
  readonly #region: MetadataRegion;
  readonly #context: ImageContext;
  readonly #use: MetadataUse;
  #block: MetadataBlock;
  /** The rest of earlier blocks and the current one. */
  #buffer: Buffer;
  #view: DataView;
  #position: number;
  /** Where in `#buffer` the current block's data begins; negative if it has been partly cut off. */
  #blockBase = 0;

  constructor(
    region: MetadataRegion,
    context: ImageContext,
    block: MetadataBlock,
    offset: number,
    use: MetadataUse = "kept",
  ) {
    this.#region = region;
    this.#context = context;
    this.#use = use;
    this.#block = block;
    this.#buffer = block.data;
    this.#view = block.view;
    this.#position = offset;
  }

  /** Bytes at hand. */
  get available(): number {
    return this.#buffer.length - this.#position;
  }

  /** Start of the metadata block that is being read: what errors name. */
  get offset(): number {
    return this.#block.start;
  }

  /** Where the next byte stands, for a cursor to be opened there later. */
  get place(): MetadataPlace {
    const { start, next } = this.#block;
    if (this.available === 0 && next < this.#region.end) return { blockStart: next, blockOffset: 0 };
    // After a fill of what crosses blocks, the position may still be in the block before the current one;
    // records are taken whole, so it never is.
    return { blockStart: start, blockOffset: this.#position - this.#blockBase };
  }

  /** Loads on until `size` bytes are at hand. `size` is the caller's to bound. */
  async fill(size: number): Promise<void> {
    while (this.available < size) {
      const { data, next } = this.#block;
      if (next >= this.#region.end)
        throw damaged(this.#context, "METADATA_TRUNCATED", this.#region.table, {
          offset: this.#block.start,
          rule: "a record goes past the end of the table",
        });
      // Offsets in listings and block lists count 8192 bytes for each block.
      if (data.length !== METADATA_BLOCK_SIZE)
        throw damaged(this.#context, "METADATA_SHORT", this.#region.table, {
          offset: this.#block.start,
          rule: `a metadata block that is not the last must have ${METADATA_BLOCK_SIZE} bytes`,
          seen: data.length,
        });
      const block = await this.#region.block(next, this.#use);
      const rest = this.available;
      if (rest === 0) {
        this.#buffer = block.data;
        this.#view = block.view;
      } else {
        this.#buffer = Buffer.concat([this.#buffer.subarray(this.#position), block.data]);
        this.#view = viewOf(this.#buffer);
      }
      this.#block = block;
      this.#blockBase = rest;
      this.#position = 0;
    }
  }

  /** The next `size` bytes, which are at hand. Borrowed: part of a cached block. */
  take(size: number): Uint8Array {
    const start = this.#position;
    this.#position += size;
    return this.#buffer.subarray(start, this.#position);
  }

  /** The next `size` bytes, at hand or not, as the caller's own. `size` is the caller's to bound. */
  async copy(size: number): Promise<Uint8Array> {
    const copy = new Uint8Array(size);
    for (let done = 0; done < size; ) {
      if (this.available === 0) await this.fill(1);
      const part = this.take(Math.min(this.available, size - done));
      copy.set(part, done);
      done += part.length;
    }
    return copy;
  }

  /** The next record, whose bytes are at hand. */
  record<T extends object>(layout: Struct<T>): T {
    const value = this.peek(layout);
    this.#position += layout.size;
    return value;
  }

  /** As {@link record}, without going on. */
  peek<T extends object>(layout: Struct<T>): T {
    return layout.readView(this.#view, this.#position);
  }

  /** The next `size` bytes, which are at hand, as a string. */
  byteString(size: number): ByteString {
    const start = this.#position;
    this.#position += size;
    return this.#buffer.toString("latin1", start, this.#position);
  }

  async skip(size: number): Promise<void> {
    let left = size;
    while (left > this.available) {
      left -= this.available;
      this.#position = this.#buffer.length;
      await this.fill(1);
    }
    this.#position += left;
  }
}

/** A byte of a table: its metadata block (absolute) and the offset in that, decompressed. */
export interface MetadataPlace {
  readonly blockStart: number;
  readonly blockOffset: number;
}
