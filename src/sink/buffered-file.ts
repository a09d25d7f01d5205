import { copyBytes } from "../bytes/copy-bytes.ts";
import type { PositionedWriter } from "../bytes/file-range.ts";
import { type WriteTarget, writerOf } from "../bytes/memory-writer.ts";
import { toSinkError } from "./errors.ts";

/**
 * Bytes gathered before a write: larger saves system calls, smaller saves memory. There are two buffers,
 * one filling while the other is on its way to the file.
 */
const BUFFER_SIZE = 512 * 1024;

/**
 * Bytes after which what was written so far is sent on to the disk, in the background, so that the synchronisation
 * at the end has little left. Smaller makes more of these calls, each of which flushes the disk's own cache.
 */
const WRITEBACK_SIZE = 64 * 1024 * 1024;

/** What a sink needs of an open file; `FileHandle` has it. */
export interface WritableFile extends PositionedWriter {
  /** For threads that write by themselves; none without it. */
  readonly fd?: number;
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
  /** For a file that is synchronised in the end: does that for what was written so far, now and then. */
  readonly sync?: () => Promise<void>;
}

/**
 * Appends to a seekable file through buffers, with corrections further in front. Bytes in memory that has threads to
 * write it (blocks as they were encoded) are left to these, without a copy. Nothing is where it belongs until `flush`.
 * After an error every call fails with that error.
 */
export class BufferedFile {
  readonly #file: WritableFile;
  readonly #options: BufferedFileOptions;
  readonly #base: number;
  #buffer: Buffer | undefined;
  #spare: Buffer | undefined;
  /** Sink offset of the buffer's first byte. */
  #bufferStart = 0;
  #used = 0;
  /** Furthest byte that a write has reached, in sink offsets: behind `position` after a rewind. */
  #reached = 0;
  #writing: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  /** What had been written when the last synchronisation in the background began. */
  #syncedSize = 0;
  #error: Error | undefined;
  /** What threads write. */
  readonly #target: WriteTarget | undefined;
  /** Pieces that they, or calls of this file's own, are writing. */
  #inHand = 0;
  /** Told once there are none. */
  #onSettled = (): void => {};

  constructor(file: WritableFile, options: BufferedFileOptions) {
    this.#file = file;
    this.#options = options;
    this.#base = options.base ?? 0;
    const written = (end: number, error: Error | undefined) => this.#written(end - this.#base, error);
    if (file.fd !== undefined) this.#target = { fd: file.fd, written };
  }

  get position(): number {
    return this.#bufferStart + this.#used;
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    if (this.#leaveToThreads(bytes)) return this.#sendBuffer(bytes.length);
    // What is larger than the buffer gains nothing from it: copied into another file, an image is one copy cheaper.
    if (bytes.length > BUFFER_SIZE) return this.#appendDirectly(bytes);
    let from = 0;
    while (from < bytes.length) {
      const count = Math.min(bytes.length - from, BUFFER_SIZE - this.#used);
      this.#buffer ??= Buffer.allocUnsafeSlow(BUFFER_SIZE);
      copyBytes(bytes.subarray(from, from + count), this.#buffer, this.#used);
      this.#used += count;
      from += count;
      if (this.#used === BUFFER_SIZE) await this.#turnBuffer();
    }
  }

  /** Has bytes written behind all that was appended; false where no thread takes them. */
  #leaveToThreads(bytes: Uint8Array): boolean {
    const target = this.#target;
    if (target === undefined || writerOf(bytes)?.write(bytes, target, this.#base + this.position) !== true)
      return false;
    this.#inHand++;
    return true;
  }

  /** Sends what the buffer holds on its way, and leaves so many bytes behind it to others. */
  async #sendBuffer(skipped: number): Promise<void> {
    if (this.#used > 0) await this.#turnBuffer();
    this.#bufferStart += skipped;
  }

  async #appendDirectly(bytes: Uint8Array): Promise<void> {
    await this.#settle();
    const start = this.#bufferStart;
    const gathered = this.#used;
    await this.#writeAt(start, this.#gathered);
    await this.#writeAt(start + gathered, bytes);
    this.#bufferStart = start + gathered + bytes.length;
    this.#used = 0;
  }

  async patch(offset: number, bytes: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    if (offset < 0 || offset + bytes.length > this.position)
      throw new RangeError(`patch of ${bytes.length} bytes at ${offset} passes the end at ${this.position}`);
    const inFile = Math.max(0, Math.min(bytes.length, this.#bufferStart - offset));
    if (inFile < bytes.length) this.#buffer?.set(bytes.subarray(inFile), offset + inFile - this.#bufferStart);
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

  /** Writes what the buffers hold and cuts off what a rewind has given up; no call is under way after it. */
  async flush(): Promise<void> {
    this.#throwIfFailed();
    await this.#settle();
    await this.#writeAt(this.#bufferStart, this.#gathered);
    this.#bufferStart += this.#used;
    this.#used = 0;
    if (this.#reached > this.position) {
      await this.#guard(this.position, this.#file.truncate(this.#base + this.position));
      this.#reached = this.position;
    }
    await this.#syncing;
    this.#throwIfFailed();
  }

  /** Waits until no call is under way, whatever came of it: for an abort, before the file is closed. */
  async quiesce(): Promise<void> {
    this.#error ??= new Error("the output was aborted");
    await this.#writing;
    await this.#threads();
    await this.#syncing;
  }

  get #gathered(): Buffer {
    return this.#buffer?.subarray(0, this.#used) ?? Buffer.alloc(0);
  }

  /** Sends the buffer on its way, once the one before has arrived. */
  async #turnBuffer(): Promise<void> {
    await this.#writing;
    this.#throwIfFailed();
    const sent = this.#buffer;
    this.#writing = this.#writeAt(this.#bufferStart, this.#gathered).catch((error: Error) => {
      this.#error ??= error;
    });
    this.#buffer = this.#spare;
    this.#spare = sent;
    this.#bufferStart += this.#used;
    this.#used = 0;
  }

  async #settle(): Promise<void> {
    await this.#writing;
    this.#writing = undefined;
    await this.#threads();
    this.#throwIfFailed();
  }

  /** Waits until nobody has anything in hand; whoever else waits was told before. */
  async #threads(): Promise<void> {
    while (this.#inHand > 0) {
      const before = this.#onSettled;
      await new Promise<void>((resolve) => {
        this.#onSettled = () => {
          before();
          resolve();
        };
      });
    }
  }

  #written(end: number, cause: Error | undefined): void {
    if (cause !== undefined) this.#error ??= this.#failure(end, cause);
    else this.#advance(end);
    this.#handBack();
  }

  #handBack(): void {
    this.#inHand--;
    if (this.#inHand > 0) return;
    const onSettled = this.#onSettled;
    this.#onSettled = () => {};
    onSettled();
  }

  async #writeAt(offset: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    this.#inHand++;
    try {
      while (done < bytes.length) {
        // After an abort nothing more may come: the file is cut, or its number another's.
        this.#throwIfFailed();
        const write = this.#file.write(bytes, done, bytes.length - done, this.#base + offset + done);
        const { bytesWritten } = await this.#guard(offset + done, write);
        done += bytesWritten;
      }
      this.#advance(offset + done);
    } finally {
      this.#handBack();
    }
  }

  /** Bytes up to an offset were written. */
  #advance(end: number): void {
    this.#reached = Math.max(this.#reached, end);
    if (this.#reached - this.#syncedSize >= WRITEBACK_SIZE) this.#startSync();
  }

  /** One at a time. The kernel tells an error of the disk to one call only, so this one's counts like the last one's. */
  #startSync(): void {
    const { sync } = this.#options;
    if (sync === undefined || this.#syncing !== undefined) return;
    this.#syncedSize = this.#reached;
    this.#syncing = this.#guard(this.#reached, sync())
      .catch(() => {})
      .finally(() => {
        this.#syncing = undefined;
      });
  }

  async #guard<T>(offset: number, call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (cause) {
      const error = this.#failure(offset, cause);
      this.#error ??= error;
      throw error;
    }
  }

  #failure(offset: number, cause: unknown): Error {
    const { base: _, ...named } = this.#options;
    return toSinkError(cause, { ...named, offset });
  }

  #throwIfFailed(): void {
    if (this.#error !== undefined) throw this.#error;
  }
}
