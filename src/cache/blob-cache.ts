import { type FileHandle, open, stat, unlink } from "node:fs/promises";
import type { Readable } from "node:stream";
import { systemReason } from "../bytes/system-reason.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { computeDigest, type Digest, digestAlgorithm } from "../oci/digest.ts";
import type { OnProgress } from "../progress.ts";
import { blobFolder, blobPath, prepareBlobFolder } from "./blob-folder.ts";
import { CachedBlobStream, type FetchBlob } from "./cached-blob-stream.ts";
import { notWritable } from "./foreign-access.ts";
import { hashFile } from "./hash-file.ts";
import { cacheLocations } from "./location.ts";
import { makeRoom } from "./make-room.ts";
import { PartialBlob, sweepPartials } from "./partial-blob.ts";

/** How a cache is opened. */
export interface CacheOptions {
  /** Variables that say where it is; `process.env` by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Keep what is fetched (`--cache`). Without it nothing is written. */
  readonly write?: boolean;
  /** Bytes that the cache may hold; what went unused for the longest time is removed first. No bound by default. */
  readonly sizeLimit?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Blobs on this host's or a shared disk, found by digest. A cache never makes a conversion fail: what is
 * damaged there is dropped and fetched anew, what cannot be written is left out with a warning. Any number of
 * processes may use it at once: blobs appear by rename, whole, and are never changed after.
 */
export class BlobCache {
  readonly root: string;
  readonly #others: readonly string[];
  readonly #options: CacheOptions;
  #writing: boolean;
  #readable: boolean;

  private constructor(root: string, others: readonly string[], options: CacheOptions, has: { write: boolean }) {
    this.root = root;
    this.#others = others;
    this.#options = options;
    this.#writing = has.write;
    this.#readable = has.write || others.length > 0;
  }

  /** Finds the cache, and makes it where it is to be written. Never rejects. */
  static async open(options: CacheOptions = {}): Promise<BlobCache> {
    const { root, others } = cacheLocations(options.env ?? process.env);
    const there: string[] = [];
    for (const other of others) if (await isFolder(blobFolder(other))) there.push(other);
    let write = options.write === true;
    if (write) {
      await prepareBlobFolder(root).catch(() => {
        write = false;
        options.onProgress?.({ kind: "warning", message: notWritable(root) });
      });
    }
    if (write) await sweepPartials(root);
    const cache = new BlobCache(root, there, options, { write });
    cache.#readable ||= await isFolder(blobFolder(root));
    return cache;
  }

  /** Whether there is anything to look at. */
  get readable(): boolean {
    return this.#readable;
  }

  /** Whether what is fetched is kept. */
  get writable(): boolean {
    return this.#writing;
  }

  /** From now on nothing is kept; what is there still serves. */
  stopWriting(reason?: string): void {
    if (!this.#writing) return;
    this.#writing = false;
    if (reason !== undefined) this.#warn(`Cache disabled - ${reason}`);
  }

  /** How many of these bytes are not in the cache. */
  async missingSize(descriptors: readonly Descriptor[]): Promise<number> {
    let missing = 0;
    for (const { digest, size } of new Map(descriptors.map((one) => [one.digest, one])).values()) {
      const stats = await stat(blobPath(this.root, digest)).catch(() => undefined);
      if (stats?.size !== size) missing += size;
    }
    return missing;
  }

  /** Whether a blob is to be read through the cache: it may be there, or is to be kept. */
  async concerns({ digest }: Pick<Descriptor, "digest">): Promise<boolean> {
    if (this.#writing) return true;
    for (const root of this.#roots()) if (await stat(blobPath(root, digest)).catch(() => undefined)) return true;
    return false;
  }

  /** A document, of at most `limit` bytes; undefined where it is not there or not what it is named. */
  async read(digest: Digest, limit: number): Promise<Buffer | undefined> {
    for (const root of this.#roots()) {
      const file = await open(blobPath(root, digest), "r").catch(() => undefined);
      if (file === undefined) continue;
      try {
        const { size } = await file.stat();
        const bytes = Buffer.alloc(Math.min(size, limit + 1));
        const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
        if (bytesRead <= limit && computeDigest(bytes.subarray(0, bytesRead), digestAlgorithm(digest)) === digest) {
          await this.#served(root, file);
          return bytes.subarray(0, bytesRead);
        }
        await this.#drop(root, digest);
      } catch {
        // As good as not there.
      } finally {
        await file.close();
      }
    }
    return undefined;
  }

  /** Keeps a document whose digest was checked. */
  async keep(digest: Digest, bytes: Uint8Array): Promise<void> {
    const partial = await this.begin({ digest, size: bytes.length });
    if (partial === undefined) return;
    try {
      await partial.append(bytes);
      await partial.commit();
      await partial.close();
    } catch (error) {
      await partial.discard();
      this.writeFailed(error);
    }
  }

  /**
   * A blob's bytes: from the cache where they are there and right, else by `fetch`, and then kept on the way.
   * What an earlier run has begun is completed first. The stream's `located` resolves once it is known which.
   * @internal
   */
  stream(descriptor: Descriptor, fetch: FetchBlob, bufferSize: number): Readable & { readonly located: Promise<void> } {
    return new CachedBlobStream({ cache: this, descriptor, fetch, bufferSize, onProgress: this.#options.onProgress });
  }

  /** A file with exactly the blob's bytes, which were read and checked just now; it is the caller's to close. */
  async find({ digest, size }: Descriptor, signal: AbortSignal): Promise<FileHandle | undefined> {
    for (const root of this.#roots()) {
      const file = await open(blobPath(root, digest), "r").catch(() => undefined);
      if (file === undefined) continue;
      try {
        const right = (await file.stat()).size === size && (await hashFile(file, digest, signal)) === digest;
        if (right) {
          await this.#served(root, file);
          return file;
        }
        await this.#drop(root, digest);
      } catch {
        // It cannot be read: the next place, then the registry.
      }
      await file.close();
      signal.throwIfAborted();
    }
    return undefined;
  }

  /**
   * What an earlier run has left of a blob.
   * @internal
   */
  async adopt(descriptor: Descriptor): Promise<PartialBlob | undefined> {
    return this.#writing ? PartialBlob.adopt(this.root, descriptor) : undefined;
  }

  /**
   * A file for a blob that is fetched; undefined where it is not to be kept.
   * @internal
   */
  async begin({ digest, size }: Pick<Descriptor, "digest" | "size">): Promise<PartialBlob | undefined> {
    if (!this.#writing) return undefined;
    try {
      if (!(await this.makeRoom(size))) return undefined;
      return await PartialBlob.create(this.root, digest);
    } catch (error) {
      this.writeFailed(error);
      return undefined;
    }
  }

  /**
   * Removes what went unused for the longest time where the cache has a bound; false where so many bytes never fit.
   * @internal
   */
  async makeRoom(size: number): Promise<boolean> {
    const { sizeLimit } = this.#options;
    return sizeLimit === undefined || makeRoom(this.root, size, sizeLimit);
  }

  /** @internal */
  writeFailed(error: unknown): void {
    this.stopWriting(`writing to ${this.root} failed: ${systemReason(error)}`);
  }

  #roots(): readonly string[] {
    return this.#readable ? [this.root, ...this.#others] : [];
  }

  /** Its time of change says when it was used last; a cache that is only read is left as it is. */
  async #served(root: string, file: FileHandle): Promise<void> {
    if (!this.#writing || root !== this.root) return;
    const now = new Date();
    await file.utimes(now, now).catch(() => {});
  }

  async #drop(root: string, digest: Digest): Promise<void> {
    const path = blobPath(root, digest);
    const ours = root === this.root;
    this.#warn(`Cached blob ${digest} is damaged; it is ${ours ? "dropped and " : ""}fetched anew (${path})`);
    if (ours) await unlink(path).catch(() => {});
  }

  #warn(message: string): void {
    this.#options.onProgress?.({ kind: "warning", message });
  }
}

async function isFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isDirectory() ?? false;
}
