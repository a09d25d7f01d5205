import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, join } from "node:path";
import { isRunning } from "../bytes/process-mark.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestAlgorithm, digestHex, isDigest } from "../oci/digest.ts";
import { blobPath, partialFolder } from "./blob-folder.ts";

/**
 * After so long without a byte the writer counts as gone. Longer than a registry may be silent between all
 * tries; a writer that is mistaken for gone does no harm, see below.
 */
export const ABANDONED_MS: number = 15 * 60_000;

/** Two weeks: nobody comes back for the rest of a pull that long after. */
const FORGOTTEN_MS = 14 * 24 * 60 * 60_000;

/** `sha256-HEX.HOST.PID.RANDOM`: one per writer, and whether it still lives can be asked on the same host. */
const NAME = /^(sha\d+-[0-9a-f]+)\.([^.]*)\.(\d+)\.[0-9a-f]+$/;

/**
 * A blob that is being written. No lock keeps two writers of one file apart, and none is needed: they write
 * the same bytes to the same places, for the digest says what stands where, and the name of a whole blob is
 * only given to bytes whose digest was computed on the way.
 */
export class PartialBlob {
  readonly #root: string;
  readonly #digest: Digest;
  readonly #path: string;
  readonly #file: FileHandle;
  #size: number;

  private constructor(root: string, digest: Digest, path: string, file: FileHandle, size: number) {
    this.#root = root;
    this.#digest = digest;
    this.#path = path;
    this.#file = file;
    this.#size = size;
  }

  static async create(root: string, digest: Digest): Promise<PartialBlob> {
    const path = join(partialFolder(root), ownName(digest));
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
    return new PartialBlob(root, digest, path, await open(path, flags, 0o600), 0);
  }

  /** Takes over what an earlier run has left of the blob, if anything: the longest piece; shorter ones go. */
  static async adopt(root: string, { digest, size }: Descriptor): Promise<PartialBlob | undefined> {
    const left = await abandoned(root, (name) => name.startsWith(`${stem(digest)}.`));
    left.sort((a, b) => b.size - a.size);
    let adopted: PartialBlob | undefined;
    for (const { path, size: begun } of left) {
      if (adopted !== undefined || begun === 0 || begun > size) await unlink(path).catch(() => {});
      else adopted = await PartialBlob.#take(root, digest, path).catch(() => undefined);
    }
    return adopted;
  }

  /** A rename has one winner; for the others the name is gone. */
  static async #take(root: string, digest: Digest, path: string): Promise<PartialBlob> {
    const own = join(partialFolder(root), ownName(digest));
    await rename(path, own);
    const file = await open(own, constants.O_RDWR);
    return new PartialBlob(root, digest, own, file, (await file.stat()).size);
  }

  /** Bytes that are there. */
  get size(): number {
    return this.#size;
  }

  get file(): FileHandle {
    return this.#file;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, this.#size);
      done += bytesWritten;
      this.#size += bytesWritten;
    }
  }

  /** Gives the blob its name; the file stays open. The caller has computed the digest of all its bytes. */
  async commit(): Promise<void> {
    const path = blobPath(this.#root, this.#digest);
    // Somebody else was faster. To replace the same by the same would only disturb its readers on NFS.
    const there = await stat(path).catch(() => undefined);
    if (there?.size === this.#size) return unlink(this.#path).catch(() => {});
    await rename(this.#path, path).catch((error: NodeJS.ErrnoException) => {
      // Another process took us for gone and has the file now; it will give it its name.
      if (error.code !== "ENOENT") throw error;
    });
  }

  async close(): Promise<void> {
    ownNames.delete(basename(this.#path));
    await this.#file.close().catch(() => {});
  }

  /** Closes and keeps what is there for a later run. */
  async leave(): Promise<void> {
    if (this.#size === 0) await unlink(this.#path).catch(() => {});
    await this.close();
  }

  /** Closes and removes: its bytes are not the blob's. */
  async discard(): Promise<void> {
    await unlink(this.#path).catch(() => {});
    await this.close();
  }
}

export interface AbandonedPartial {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** Begun blobs that nobody writes any more. */
export async function abandoned(root: string, wanted: (name: string) => boolean): Promise<AbandonedPartial[]> {
  const folder = partialFolder(root);
  const found: AbandonedPartial[] = [];
  for (const name of await readdir(folder).catch(() => [])) {
    if (!wanted(name)) continue;
    const path = join(folder, name);
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isFile() !== true) continue;
    const { size, mtimeMs } = stats;
    if (!writerLives(name) || Date.now() - mtimeMs > ABANDONED_MS) found.push({ path, size, mtimeMs });
  }
  return found;
}

/** Removes what no run will go on with: begun blobs that others have completed since, and very old ones. */
export async function sweepPartials(root: string): Promise<void> {
  for (const { path, mtimeMs } of await abandoned(root, () => true)) {
    const [, algorithm, hex] = /^(sha\d+)-([0-9a-f]+)\./.exec(basename(path)) ?? [];
    const digest = `${algorithm}:${hex}`;
    const whole = isDigest(digest) && (await stat(blobPath(root, digest)).catch(() => undefined)) !== undefined;
    if (whole || Date.now() - mtimeMs > FORGOTTEN_MS) await unlink(path).catch(() => {});
  }
}

/** False where the name says that the writer ran on this host and it does not now. */
function writerLives(name: string): boolean {
  const [, , host, pid] = NAME.exec(name) ?? [];
  if (host !== hostLabel()) return true;
  return isRunning(Number(pid)) && (Number(pid) !== process.pid || ownNames.has(name));
}

/** What this process has begun; a number may come again after an earlier process had it. */
const ownNames = new Set<string>();

function ownName(digest: Digest): string {
  const name = `${stem(digest)}.${hostLabel()}.${process.pid}.${randomBytes(6).toString("hex")}`;
  ownNames.add(name);
  return name;
}

function stem(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest)}`;
}

function hostLabel(): string {
  return hostname().replace(/[^A-Za-z0-9-]/g, "_");
}
