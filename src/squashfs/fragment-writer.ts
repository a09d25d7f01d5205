import { copyBytes } from "../bytes/copy-bytes.ts";
import { InternalError } from "../errors.ts";
import { F64Column, U32Column } from "../fstree/columns.ts";
import type { BlockEncoder, EncodedBlock } from "../wasm/block-encoder.ts";
import type { DataArea } from "./data-area.ts";
import { DATA_STORED, FRAGMENT_ENTRY } from "./format.ts";
import { Gate } from "./gate.ts";
import { sizeWord } from "./size-word.ts";

/**
 * Full fragment blocks that may wait to be written. A block is written when this many more have filled up
 * (or at the end), so its place does not depend on how long its compression took. More keep more workers
 * busy on trees of small files; each holds a slot of the encoder. Changing it changes the images.
 */
export const FRAGMENTS_IN_FLIGHT = 4;

/** Fragment blocks that hold a slot of the encoder: those in flight, one on its way, one open. */
export const FRAGMENT_SLOTS: number = FRAGMENTS_IN_FLIGHT + 2;

/**
 * Gathers small files and tails into shared blocks. The front end fills them, ahead of what is committed; a full one
 * is committed in its turn.
 */
export class FragmentWriter {
  readonly #encoder: BlockEncoder;
  readonly #area: DataArea;
  /**
   * Who waits here has closed as many blocks, and their turns to be committed come without him; once all have, no
   * more than FRAGMENTS_IN_FLIGHT hold a slot.
   */
  readonly #slots = new Gate(FRAGMENT_SLOTS);
  readonly #starts = new F64Column();
  readonly #sizes = new U32Column();
  /** Bytes of tails in each. */
  readonly #filled = new U32Column();
  readonly #inFlight: Promise<EncodedBlock>[] = [];
  #buffer: Uint8Array | undefined;
  #used = 0;
  /** Blocks begun. */
  #count = 0;
  #written = 0;

  constructor(encoder: BlockEncoder, area: DataArea) {
    this.#encoder = encoder;
    this.#area = area;
  }

  /** Fragment blocks; the last may still be open. */
  get count(): number {
    return this.#count;
  }

  /** Where `add` will put the next tail, once there is room for it. */
  get index(): number {
    return this.#count - 1;
  }

  get offset(): number {
    return this.#used;
  }

  /** True where a tail of that size goes into the open block, without waiting. */
  hasRoom(size: number): boolean {
    return this.#buffer !== undefined && this.#used + size <= this.#encoder.blockSize;
  }

  /** Hands the open block to the encoder, if there is one; it is to be committed behind all that came before it. */
  close(): Promise<EncodedBlock> | undefined {
    if (this.#buffer === undefined) return undefined;
    this.#filled.set(this.#count - 1, this.#used);
    const encoded = this.#encoder.encode(this.#buffer, this.#used);
    this.#buffer = undefined;
    this.#used = 0;
    return encoded;
  }

  /** Opens the next block. */
  async open(): Promise<void> {
    await this.#slots.take(1);
    this.#buffer = await this.#encoder.acquire();
    this.#count++;
  }

  /** Who waits for room, or will, gets the error. */
  fail(error: unknown): void {
    this.#slots.fail(error);
  }

  add(tail: Uint8Array): void {
    copyBytes(tail, this.#buffer as Uint8Array, this.#used);
    this.#used += tail.length;
  }

  /**
   * Takes over a block that is in the image already, and tells its number. Only while no block of ours is open:
   * before the first `open`, or after `finish`.
   * @param word its size on disk as the fragment table holds it
   */
  adopt(start: number, word: number): number {
    if (this.#count !== this.#written) throw new InternalError("a fragment block was open while others were adopted");
    this.#starts.set(this.#written, start);
    this.#sizes.set(this.#written, word);
    this.#written++;
    return this.#count++;
  }

  /** Takes a closed block; writes those that have waited for long enough. */
  async commit(encoded: Promise<EncodedBlock>): Promise<void> {
    this.#inFlight.push(encoded);
    await this.#write(FRAGMENTS_IN_FLIGHT);
  }

  /** Writes all that is left, once all before it is committed; what is added later begins a new block. */
  async finish(): Promise<void> {
    const last = this.close();
    // Awaited later; a failure in between must not count as unhandled.
    last?.catch(() => {});
    if (last !== undefined) this.#inFlight.push(last);
    await this.#write(0);
  }

  /** Bytes that a written block takes in the image. */
  storedSize(index: number): number {
    return this.#sizes.get(index) & ~DATA_STORED;
  }

  /** Bytes of tails that a closed block holds; 0 where it was adopted. */
  filledSize(index: number): number {
    return this.#filled.get(index);
  }

  *entries(): Iterable<Uint8Array> {
    for (let i = 0; i < this.#written; i++)
      yield FRAGMENT_ENTRY.encode({
        blockStart: BigInt(this.#starts.get(i)),
        blockSize: this.#sizes.get(i),
        unused: 0,
      });
  }

  async #write(mayWait: number): Promise<void> {
    while (this.#inFlight.length > mayWait) {
      const block = await (this.#inFlight.shift() as Promise<EncodedBlock>);
      await this.#area.begin();
      this.#starts.set(this.#written, this.#area.position);
      this.#sizes.set(this.#written, sizeWord(block));
      this.#written++;
      await this.#area.write(block.bytes);
      block.release();
      this.#slots.give(1);
    }
  }
}
