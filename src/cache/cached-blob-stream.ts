import type { Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Descriptor } from "../oci/descriptor.ts";
import { createDigestHash, digestHex } from "../oci/digest.ts";
import type { OnProgress } from "../progress.ts";
import type { BlobCache } from "./blob-cache.ts";
import { hashInto } from "./hash-file.ts";
import type { PartialBlob } from "./partial-blob.ts";

/** A blob's stored bytes from a byte on, from where the image comes. */
export type FetchBlob = (offset: number, signal: AbortSignal) => AsyncIterable<Buffer>;

export interface CachedBlobOptions {
  readonly cache: BlobCache;
  readonly descriptor: Descriptor;
  readonly fetch: FetchBlob;
  /** How many bytes may wait for the reader. */
  readonly bufferSize: number;
  readonly onProgress: OnProgress | undefined;
}

/** Reads of 256 KiB, each into memory of its own: the reader may keep them waiting. */
const CHUNK_SIZE = 256 * 1024;

/** A blob out of the cache, or into it on its way; see `BlobCache.stream`. Begins at once. */
export class CachedBlobStream extends Readable {
  /** Resolves when the cache was asked; never rejects. */
  readonly located: Promise<void>;
  readonly #options: CachedBlobOptions;
  readonly #abort = new AbortController();
  readonly #run: Promise<void>;
  #isLocated: () => void = () => {};
  #resume: (() => void) | undefined;

  constructor(options: CachedBlobOptions) {
    super({ highWaterMark: options.bufferSize });
    this.#options = options;
    this.located = new Promise((resolve) => {
      this.#isLocated = resolve;
    });
    this.#run = this.#deliver().finally(() => this.#isLocated());
    this.#run.then(
      () => this.push(null),
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override _read(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  /** Ends when no file is open any more. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#abort.abort(error ?? undefined);
    this.#resume?.();
    const done = () => callback(error);
    this.#run.then(done, done);
  }

  async #deliver(): Promise<void> {
    const { cache, descriptor, onProgress } = this.#options;
    const { digest, size } = descriptor;
    const { signal } = this.#abort;
    const found = await cache.find(descriptor, signal);
    if (found !== undefined) {
      onProgress?.({ kind: "blob-reused", digest, size });
      this.#isLocated();
      return this.#sendFile(found);
    }
    const begun = await cache.adopt(descriptor);
    if (begun !== undefined) onProgress?.({ kind: "blob-resumed", digest, offset: begun.size, size });
    this.#isLocated();
    if (begun !== undefined && (await this.#complete(begun))) return this.#sendFile(begun.file);
    await this.#fetchAndKeep();
  }

  /** The reader's bytes are checked: a file that cannot be read further (NFS, removed by others) is no loss. */
  async #sendFile(file: FileHandle): Promise<void> {
    const { size } = this.#options.descriptor;
    let offset = 0;
    try {
      while (offset < size) {
        const chunk = Buffer.allocUnsafe(Math.min(CHUNK_SIZE, size - offset));
        const { bytesRead } = await file.read(chunk, 0, chunk.length, offset).catch(() => ({ bytesRead: 0 }));
        if (bytesRead === 0) break;
        offset += bytesRead;
        await this.#send(chunk.subarray(0, bytesRead));
      }
    } finally {
      await file.close().catch(() => {});
    }
    if (offset === size) return;
    for await (const chunk of this.#fetch(offset)) await this.#send(chunk);
  }

  /**
   * Fetches what is missing of a begun blob before any of it is passed on: what a crash has left in the file
   * may be anything, and only the whole can be checked. False where it is not the blob, or cannot be written.
   */
  async #complete(begun: PartialBlob): Promise<boolean> {
    const { cache, descriptor } = this.#options;
    const hash = createDigestHash(descriptor.digest);
    try {
      await hashInto(hash, begun.file, this.#abort.signal);
      if (begun.size < descriptor.size) {
        for await (const chunk of this.#fetch(begun.size)) {
          hash.update(chunk);
          await append(begun, chunk);
        }
      }
    } catch (error) {
      if (!(error instanceof AppendError)) {
        await begun.leave();
        throw error;
      }
      await begun.discard();
      cache.writeFailed(error.cause);
      return false;
    }
    return this.#finish(begun, hash);
  }

  async #fetchAndKeep(): Promise<void> {
    const { cache, descriptor } = this.#options;
    let kept = await cache.begin(descriptor);
    const hash = createDigestHash(descriptor.digest);
    try {
      for await (const chunk of this.#fetch(0)) {
        if (kept === undefined) {
          await this.#send(chunk);
          continue;
        }
        hash.update(chunk);
        // Written while the reader works on it; the next chunk waits for both.
        const [failure] = await Promise.all([kept.append(chunk).then(() => undefined, asFailure), this.#send(chunk)]);
        if (failure === undefined) continue;
        await kept.discard();
        kept = undefined;
        cache.writeFailed(failure.cause);
      }
    } catch (error) {
      await kept?.leave();
      throw error;
    }
    if (kept !== undefined && (await this.#finish(kept, hash))) await kept.close();
  }

  /** Makes a file with all bytes a blob of the cache, if it is one. */
  async #finish(file: PartialBlob, hash: Hash): Promise<boolean> {
    const { cache, descriptor } = this.#options;
    if (file.size !== descriptor.size || hash.digest("hex") !== digestHex(descriptor.digest)) {
      await file.discard();
      return false;
    }
    try {
      await file.commit();
      return true;
    } catch (error) {
      await file.discard();
      cache.writeFailed(error);
      return false;
    }
  }

  #fetch(offset: number): AsyncIterable<Buffer> {
    return this.#options.fetch(offset, this.#abort.signal);
  }

  /** Passes bytes on and waits until more are wanted. */
  async #send(chunk: Buffer): Promise<void> {
    if (this.push(chunk)) return;
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      if (this.#abort.signal.aborted) resolve();
    });
    this.#abort.signal.throwIfAborted();
  }
}

/** The cache's disk failed, not the source. */
class AppendError extends Error {}

function asFailure(cause: unknown): AppendError {
  return new AppendError("cannot write", { cause });
}

async function append(file: PartialBlob, chunk: Buffer): Promise<void> {
  await file.append(chunk).catch((cause: unknown) => {
    throw asFailure(cause);
  });
}
