import type { Sink } from "../sink/sink.ts";
import type { BlockCodec } from "../wasm/block-codec.ts";
import { SquashfsError } from "./errors.ts";
import { METADATA_BLOCK_SIZE, METADATA_STORED } from "./format.ts";

/** Places in the tables are u32. */
const MAX_TABLE_SIZE = 0xffff_ffff;

/**
 * Cuts a table into metadata blocks of 8 KiB and compresses them. They stay in memory until `drain`, so a
 * table can be streamed out, or kept until its place in the file is reached.
 */
export class MetadataWriter {
  readonly #codec: BlockCodec;
  readonly #table: string;
  readonly #block = new Uint8Array(METADATA_BLOCK_SIZE);
  #used = 0;
  #size = 0;
  readonly #starts: number[] = [];
  #chunks: Uint8Array[] = [];
  #pending = 0;

  /** @param table for messages */
  constructor(codec: BlockCodec, table: string) {
    this.#codec = codec;
    this.#table = table;
  }

  /** Where the block of the next byte begins, from the table's start. */
  get blockStart(): number {
    return this.#size;
  }

  /** Of the next byte in its block, decompressed: 0…8191. */
  get blockOffset(): number {
    return this.#used;
  }

  /** Compressed bytes that wait for `drain`. */
  get pendingSize(): number {
    return this.#pending;
  }

  /** Begins of all blocks, from the table's start. */
  get blockStarts(): readonly number[] {
    return this.#starts;
  }

  append(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      const count = Math.min(bytes.length - from, METADATA_BLOCK_SIZE - this.#used);
      this.#block.set(from === 0 && count === bytes.length ? bytes : bytes.subarray(from, from + count), this.#used);
      this.#used += count;
      from += count;
      // At once, so that `blockStart` and `blockOffset` always name the place of the next byte.
      if (this.#used === METADATA_BLOCK_SIZE) this.flush();
    }
  }

  /** Ends the last block, short as it may be. */
  flush(): void {
    if (this.#used === 0) return;
    const input = this.#block.subarray(0, this.#used);
    const compressed = this.#codec.compress(input);
    const content = compressed ?? input;
    const chunk = new Uint8Array(2 + content.length);
    const header = content.length | (compressed === undefined ? METADATA_STORED : 0);
    chunk[0] = header & 0xff;
    chunk[1] = header >>> 8;
    chunk.set(content, 2);
    this.#starts.push(this.#size);
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    this.#pending += chunk.length;
    this.#used = 0;
    if (this.#size > MAX_TABLE_SIZE)
      throw new SquashfsError("TABLE_TOO_LARGE", { table: this.#table, limit: MAX_TABLE_SIZE });
  }

  /** Writes the complete blocks out and forgets them. */
  async drain(sink: Sink): Promise<void> {
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#pending = 0;
    for (const chunk of chunks) await sink.write(chunk);
  }
}
