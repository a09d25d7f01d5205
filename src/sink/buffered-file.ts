import { toSinkError } from "./errors.ts";

/**
 * Bytes gathered before a write: larger saves system calls, smaller saves memory. There are two buffers,
 * one filling while the other is on its way to the file.
 */
const BUFFER_SIZE = 512 * 1024;

/** The two calls a sink needs of an open file; `FileHandle` has them. */
export interface WritableFile {
  write(bytes: Uint8Array, from: number, length: number, position: number): Promise<{ readonly bytesWritten: number }>;
  truncate(size: number): Promise<void>;
}

/** How the file appears in errors. */
export interface BufferedFileOptions {
  /** Its path, or, where it has none that helps, `what` it is. */
  readonly path?: string;
  readonly what?: string;
  /** Where the sink's byte 0 stands in the file. */
  readonly base?: number;
  /** What a full disk's error advises. */
  readonly advice?: string;
}

/**
 * Appends to a seekable file through buffers, with corrections further in front. Nothing is where it
 * belongs until `flush`. After an error every call fails with that error.
 */
export class BufferedFile {
  readonly #file: WritableFile;
  readonly #options: BufferedFileOptions;
  readonly #base: number;
  #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_SIZE);
  #spare: Buffer | undefined;
  /** Sink offset of the buffer's first byte. */
  #bufferStart = 0;
  #used = 0;
  /** Furthest byte that a write has reached, in sink offsets: behind `position` after a rewind. */
  #reached = 0;
  #writing: Promise<void> | undefined;
  #error: Error | undefined;

  constructor(file: WritableFile, options: BufferedFileOptions) {
    this.#file = file;
    this.#options = options;
    this.#base = options.base ?? 0;
  }

  get position(): number {
    return this.#bufferStart + this.#used;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    let from = 0;
    while (from < bytes.length) {
      const count = Math.min(bytes.length - from, BUFFER_SIZE - this.#used);
      this.#buffer.set(bytes.subarray(from, from + count), this.#used);
      this.#used += count;
      from += count;
      if (this.#used === BUFFER_SIZE) await this.#turnBuffer();
    }
  }

  async patch(offset: number, bytes: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    if (offset < 0 || offset + bytes.length > this.position)
      throw new RangeError(`patch of ${bytes.length} bytes at ${offset} passes the end at ${this.position}`);
    const inFile = Math.max(0, Math.min(bytes.length, this.#bufferStart - offset));
    if (inFile < bytes.length) this.#buffer.set(bytes.subarray(inFile), offset + inFile - this.#bufferStart);
    if (inFile === 0) return;
    await this.#settle();
    await this.#writeAt(offset, bytes.subarray(0, inFile));
  }

  async rewind(offset: number): Promise<void> {
    this.#throwIfFailed();
    if (offset < 0 || offset > this.position)
      throw new RangeError(`rewind to ${offset} passes the end at ${this.position}`);
    if (offset >= this.#bufferStart) {
      this.#used = offset - this.#bufferStart;
      return;
    }
    await this.#settle();
    this.#bufferStart = offset;
    this.#used = 0;
  }

  /** Writes what the buffers hold and cuts off what a rewind has given up. */
  async flush(): Promise<void> {
    this.#throwIfFailed();
    await this.#settle();
    await this.#writeAt(this.#bufferStart, this.#buffer.subarray(0, this.#used));
    this.#bufferStart += this.#used;
    this.#used = 0;
    if (this.#reached > this.position) {
      await this.#guard(this.position, this.#file.truncate(this.#base + this.position));
      this.#reached = this.position;
    }
  }

  /** Waits until no write is under way, whatever came of it: for an abort, before the file is closed. */
  async quiesce(): Promise<void> {
    this.#error ??= new Error("the output was aborted");
    await this.#writing;
  }

  /** Sends the full buffer on its way, once the one before has arrived. */
  async #turnBuffer(): Promise<void> {
    await this.#settle();
    const full = this.#buffer;
    this.#writing = this.#writeAt(this.#bufferStart, full).catch((error: Error) => {
      this.#error ??= error;
    });
    this.#buffer = this.#spare ?? Buffer.allocUnsafeSlow(BUFFER_SIZE);
    this.#spare = full;
    this.#bufferStart += BUFFER_SIZE;
    this.#used = 0;
  }

  async #settle(): Promise<void> {
    await this.#writing;
    this.#writing = undefined;
    this.#throwIfFailed();
  }

  async #writeAt(offset: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const write = this.#file.write(bytes, done, bytes.length - done, this.#base + offset + done);
      const { bytesWritten } = await this.#guard(offset + done, write);
      done += bytesWritten;
    }
    this.#reached = Math.max(this.#reached, offset + done);
  }

  async #guard<T>(offset: number, call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (cause) {
      const { base: _, ...named } = this.#options;
      const error = toSinkError(cause, { ...named, offset });
      this.#error ??= error;
      throw error;
    }
  }

  #throwIfFailed(): void {
    if (this.#error !== undefined) throw this.#error;
  }
}
