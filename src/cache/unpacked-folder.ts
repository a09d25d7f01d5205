import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { access, lstat, readdir, realpath, rename, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasEnded, processMark } from "../bytes/process-mark.ts";
import { makeFolders } from "./blob-folder.ts";

/*
 * ROOT/unpacked/KEY/root          an image's files, for a host that cannot mount it; a rename makes them whole
 * ROOT/unpacked/KEY/.use.MARK-…   a run that uses them: it touches this file for as long
 * ROOT/unpacked/.KEY.lease        the process that unpacks, see lease.ts
 */

const BEAT_MS = 60_000;
/** Without a beat for so long, a run on another host counts as ended. */
const SILENT_MS = 10 * BEAT_MS;
const USE = /^\.use\.([0-9a-f]+-\d+)-[0-9a-f]+$/;

export function unpackedFolder(root: string): string {
  return join(root, "unpacked");
}

/** The unpacked files of an image. */
export function unpackedRoot(root: string, key: string): string {
  return join(unpackedFolder(root), key, "root");
}

export function unpackedLeasePath(root: string, key: string): string {
  return join(unpackedFolder(root), `.${key}.lease`);
}

/**
 * `FILE-STATE`: an image file and what it was when it was unpacked. Nobody can change a file, or put another in its
 * place, without a new time of change (ctime), which no program can set; reading it whole instead would take as long
 * as unpacking it. Who unpacks is part of it, as only root keeps owners. The device is not: of network file systems it
 * is another one on each host.
 */
export async function unpackedKey(image: string): Promise<string> {
  const path = await realpath(image);
  const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const user = process.geteuid?.() ?? 0;
  const file = digest(`${path} ${user}`);
  return `${file}-${digest(`1 ${ino} ${size} ${mtimeNs} ${ctimeNs}`)}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** Makes the folders that are missing, and looks whether they can be written. Rejects with the system's error. */
export async function prepareUnpackedFolder(root: string, key: string): Promise<void> {
  await makeFolders(join(unpackedFolder(root), key));
  await access(join(unpackedFolder(root), key), constants.W_OK | constants.X_OK);
}

/** From now on an unpacked image is in use, and is not removed; gives what ends that. Rejects with the system's error. */
export async function useUnpacked(root: string, key: string): Promise<() => Promise<void>> {
  const folder = join(unpackedFolder(root), key);
  const path = join(folder, `.use.${processMark()}-${randomBytes(6).toString("hex")}`);
  await writeFile(path, "", { flag: "wx", mode: 0o600 });
  const touch = (file: string) => {
    const now = new Date();
    return utimes(file, now, now).catch(() => {});
  };
  // Its time of change says when it was used last.
  await touch(folder);
  const beat = setInterval(() => void touch(path), BEAT_MS);
  beat.unref();
  return async () => {
    clearInterval(beat);
    await unlink(path).catch(() => {});
  };
}

/** Whether a run uses an unpacked image; marks of ended ones go. */
export async function isUsed(folder: string): Promise<boolean> {
  const [here] = processMark().split("-");
  for (const name of await readdir(folder).catch(() => [])) {
    const mark = USE.exec(name)?.[1];
    if (mark === undefined) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    const ended = hasEnded(mark) || (!mark.startsWith(`${here}-`) && Date.now() - (found?.mtimeMs ?? 0) > SILENT_MS);
    if (!ended) return true;
    await unlink(path).catch(() => {});
  }
  return false;
}

/** Takes an unpacked image out of the cache, unless it is used; gives where it is now, to be removed. */
export async function takeUnpacked(folder: string): Promise<string | undefined> {
  if (await isUsed(folder)) return undefined;
  const aside = `${folder}.${randomBytes(6).toString("hex")}.tmp`;
  await rename(folder, aside);
  if (!(await isUsed(aside))) return aside;
  // A run has come in between.
  await rename(aside, folder).catch(() => {});
  return undefined;
}

/** Unpacked states of the same image file beside this one. */
export async function formerStates(root: string, key: string): Promise<string[]> {
  const [file = ""] = key.split("-");
  const names = await readdir(unpackedFolder(root)).catch(() => []);
  return names
    .filter((name) => name.startsWith(`${file}-`) && name !== key)
    .map((name) => join(unpackedFolder(root), name));
}

/** Whether an image is there, whole. */
export async function isUnpacked(root: string, key: string): Promise<boolean> {
  return (await lstat(unpackedRoot(root, key)).catch(() => undefined))?.isDirectory() === true;
}
