import { lstat, readdir, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemReason } from "../bytes/system-reason.ts";
import { blobFolder, EMPTY_INDEX, partialFolder } from "./blob-folder.ts";
import { CacheError } from "./errors.ts";
import { isLease, isUnfinishedImage } from "./image-folder.ts";
import { unpackedFolder } from "./unpacked-folder.ts";

/**
 * What may lie in a cache: blobs, stages of builds, unpacked images, and else whole containers, under the names of
 * Apptainer's folders.
 */
export const CACHE_TYPES = ["library", "oci", "shub", "oras", "net", "blob", "stage", "unpacked"] as const;
/** One of {@link CACHE_TYPES}. */
export type CacheType = (typeof CACHE_TYPES)[number];

/** One file in the cache, or one directory with an unpacked image. */
export interface CacheEntry {
  readonly type: CacheType;
  /** File name: of a blob the hexadecimal digest. */
  readonly name: string;
  readonly path: string;
  readonly size: number;
  /** When it was written, or served last. */
  readonly mtimeMs: number;
  /** Only the beginning is there. */
  readonly partial: boolean;
}

const CONTAINER_FOLDERS: Readonly<Record<Exclude<CacheType, "blob" | "unpacked">, string>> = {
  library: "library",
  oci: "oci-tmp",
  shub: "shub",
  oras: "oras",
  net: "net",
  stage: "stage",
};

/** All files of the cache, those of one type together. Throws `CacheError` CACHE_UNREADABLE. */
export async function listCache(root: string, types: readonly CacheType[] = CACHE_TYPES): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const type of types) {
    if (type === "unpacked") {
      entries.push(...(await listUnpacked(unpackedFolder(root))));
      continue;
    }
    for (const [folder, partial] of foldersOf(root, type)) entries.push(...(await listFolder(folder, type, partial)));
  }
  return entries;
}

function foldersOf(
  root: string,
  type: Exclude<CacheType, "unpacked">,
): readonly (readonly [folder: string, partial: boolean])[] {
  if (type !== "blob") return [[join(root, CONTAINER_FOLDERS[type]), false]];
  const blobs = join(blobFolder(root), "blobs");
  return [
    [join(blobs, "sha256"), false],
    [join(blobs, "sha512"), false],
    [partialFolder(root), true],
  ];
}

async function listFolder(folder: string, type: CacheType, partial: boolean): Promise<CacheEntry[]> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return [];
    throw new CacheError("CACHE_UNREADABLE", { path: folder, problem: systemReason(cause), cause });
  });
  const entries: CacheEntry[] = [];
  for (const name of names.sort()) {
    const path = join(folder, name);
    // Gone since: another process has renamed or removed it.
    const stats = await stat(path).catch(() => undefined);
    if (stats?.isFile() !== true || isLease(name)) continue;
    const { size, mtimeMs } = stats;
    entries.push({ type, name, path, size, mtimeMs, partial: partial || isUnfinishedImage(name) });
  }
  return entries;
}

async function listUnpacked(folder: string): Promise<CacheEntry[]> {
  const entries: CacheEntry[] = [];
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    const stats = await lstat(path).catch(() => undefined);
    if (stats?.isDirectory() !== true) continue;
    const size = await sizeBelow(path);
    const whole = (await lstat(join(path, "root")).catch(() => undefined)) !== undefined && !name.endsWith(".tmp");
    entries.push({ type: "unpacked", name, path, size, mtimeMs: stats.mtimeMs, partial: !whole });
  }
  return entries;
}

/** Bytes of the files in a directory. What may not be looked at, or has just gone, does not count. */
async function sizeBelow(directory: string): Promise<number> {
  let size = 0;
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) size += await sizeBelow(path);
    else if (entry.isFile()) size += (await lstat(path).catch(() => undefined))?.size ?? 0;
  }
  return size;
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException): string[] => {
    if (cause.code === "ENOENT" || cause.code === "ENOTDIR") return [];
    throw new CacheError("CACHE_UNREADABLE", { path: folder, problem: systemReason(cause), cause });
  });
  return names.sort();
}

/** Removes one entry that is a file; one that is gone already counts. Throws `CacheError` CACHE_ENTRY_STUCK. */
export async function removeEntry({ path }: Pick<CacheEntry, "path">): Promise<void> {
  await unlink(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return;
    throw new CacheError("CACHE_ENTRY_STUCK", { path, problem: systemReason(cause), cause });
  });
}

/** After all blobs were removed: an index that Apptainer wrote would name manifests that are not there. */
export async function emptyIndex(root: string): Promise<void> {
  const path = join(blobFolder(root), "index.json");
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  await writeFile(path, EMPTY_INDEX).catch(() => {});
}
