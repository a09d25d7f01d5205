import { BytesError } from "./errors.ts";

/**
 * After damage the source is read on for so many bytes: if the damage came with the transfer, the source's
 * own check says so at its end, and that is the better message.
 */
export const BLAME_SIZE: number = 64 << 20;

export interface ByteReaderOptions {
  /** What is read, for messages. */
  readonly name: string;
  /** Looked at before each pull; a source that can hang must obey the signal itself. */
  readonly signal?: AbortSignal | undefined;
}

const NOTHING = Buffer.alloc(0);

/**
 * Exact reads over a stream of chunks, with the absolute offset at hand.
 *
 * What lies within the current chunk is given synchronously and without a copy ({@link tryRead},
 * {@link trySkip}): a format of small records costs one promise per chunk, not per record. Views are
 * borrowed; they are valid until the next call that may pull a chunk.
 */
export class ByteReader {
  readonly #name: string;
  readonly #signal: AbortSignal | undefined;
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunk: Buffer = NOTHING;
  #position = 0;
  /** Absolute offset of the current chunk's first byte. */
  #chunkOffset = 0;
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>, options: ByteReaderOptions) {
    this.#name = options.name;
    this.#signal = options.signal;
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** Bytes in front of the next one to be read. */
  get offset(): number {
    return this.#chunkOffset + this.#position;
  }

  /** The next `size` bytes, borrowed, if the current chunk has them all; else undefined, and nothing is read. */
  tryRead(size: number): Buffer | undefined {
    const start = this.#position;
    if (size > this.#chunk.length - start) return undefined;
    this.#position = start + size;
    return this.#chunk.subarray(start, start + size);
  }

  /** Passes over `size` bytes if the current chunk has them all; else false, and nothing is skipped. */
  trySkip(size: number): boolean {
    if (size > this.#chunk.length - this.#position) return false;
    this.#position += size;
    return true;
  }

  /**
   * Exactly `size` bytes, copied only where they span chunks. Throws `BytesError` UNEXPECTED_END. The
   * caller has checked `size` against a limit: as much is allocated.
   */
  async read(size: number): Promise<Buffer> {
    const bytes = await this.readUpTo(size);
    if (bytes.length < size) throw this.#unexpectedEnd(size - bytes.length);
    return bytes;
  }

  /** `size` bytes, or fewer where the stream ends; none at its end. */
  async readUpTo(size: number): Promise<Buffer> {
    if (this.#position === this.#chunk.length && size > 0) await this.#pull();
    const whole = this.tryRead(size);
    if (whole !== undefined) return whole;
    const joined = Buffer.allocUnsafe(size);
    let filled = 0;
    while (filled < size && (this.#position < this.#chunk.length || (await this.#pull()))) {
      const count = this.#chunk.copy(joined, filled, this.#position);
      this.#position += count;
      filled += count;
    }
    return joined.subarray(0, filled);
  }

  /** What {@link readUpTo} would give, without moving on. Meant for a few bytes, such as magic. */
  async peekUpTo(size: number): Promise<Buffer> {
    while (this.#chunk.length - this.#position < size) {
      const offset = this.offset;
      const rest = this.#chunk.subarray(this.#position);
      // The rest is copied before the pull, which may reuse the memory under it.
      const kept = Buffer.from(rest);
      if (!(await this.#pull())) {
        this.#setChunk(kept, offset);
        break;
      }
      this.#setChunk(kept.length === 0 ? this.#chunk : Buffer.concat([kept, this.#chunk]), offset);
    }
    return this.#chunk.subarray(this.#position, this.#position + size);
  }

  /** What is left of the current chunk, else the next one, at most `limit` bytes; undefined at the end. */
  async nextChunk(limit: number = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
    if (this.#position === this.#chunk.length && !(await this.#pull())) return undefined;
    const start = this.#position;
    this.#position = Math.min(this.#chunk.length, start + limit);
    return this.#chunk.subarray(start, this.#position);
  }

  /** The next `size` bytes in as large borrowed pieces as the source's chunks allow. */
  async *chunks(size: number): AsyncGenerator<Buffer, void, undefined> {
    let left = size;
    while (left > 0) {
      const chunk = await this.nextChunk(left);
      if (chunk === undefined) throw this.#unexpectedEnd(left);
      left -= chunk.length;
      yield chunk;
    }
  }

  /** Passes over exactly `size` bytes. Throws `BytesError` UNEXPECTED_END. */
  async skip(size: number): Promise<void> {
    const missing = size - (await this.skipUpTo(size));
    if (missing > 0) throw this.#unexpectedEnd(missing);
  }

  /** Passes over `size` bytes, or fewer where the stream ends; tells how many. */
  async skipUpTo(size: number): Promise<number> {
    let skipped = 0;
    while (skipped < size) {
      const chunk = await this.nextChunk(size - skipped);
      if (chunk === undefined) break;
      skipped += chunk.length;
    }
    return skipped;
  }

  /** Lets the source go, wherever it stands. Safe after its end. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#setChunk(NOTHING, this.offset);
    await this.#iterator.return?.();
  }

  async #pull(): Promise<boolean> {
    const offset = this.offset;
    this.#setChunk(NOTHING, offset);
    while (!this.#ended) {
      this.#signal?.throwIfAborted();
      const next = await this.#next();
      if (next.done === true) {
        this.#ended = true;
      } else if (next.value.length > 0) {
        const { buffer, byteOffset, byteLength } = next.value;
        this.#setChunk(Buffer.from(buffer, byteOffset, byteLength), offset);
        return true;
      }
    }
    return false;
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    try {
      return await this.#iterator.next();
    } catch (error) {
      this.#ended = true;
      throw error;
    }
  }

  #setChunk(chunk: Buffer, offset: number): void {
    this.#chunk = chunk;
    this.#position = 0;
    this.#chunkOffset = offset;
  }

  #unexpectedEnd(needed: number): BytesError {
    return new BytesError("UNEXPECTED_END", { name: this.#name, offset: this.offset, needed });
  }
}
