import { lstat, open, readdir, readlink } from "node:fs/promises";
import type { ByteString } from "../bytes/byte-string.ts";
import type { ContainerView } from "../singularity-d/container-view.ts";
import { ImageFileError } from "./errors.ts";

/** As many symlinks as Linux follows for one path. */
const MAX_SYMLINKS = 40;
/** Larger files are no script and no label; a limit before they are held in memory. */
const MAX_FILE_SIZE: number = 16 * 1024 * 1024;

/** A container's files in a sandbox, whose symlinks are followed as inside the container. */
export function directoryView(root: string): ContainerView {
  return {
    async read(path) {
      const found = await resolveInside(root, path);
      if (found === undefined || !(await lstat(found)).isFile()) return undefined;
      return readSmallFile(found, root, path);
    },
    async list(path) {
      const found = await resolveInside(root, path);
      if (found === undefined || !(await lstat(found)).isDirectory()) return undefined;
      return (await readdir(found, { encoding: "buffer" })).map((name) => name.toString("latin1"));
    },
    async look(path) {
      const found = await resolveInside(root, path);
      if (found === undefined) return undefined;
      const stats = await lstat(found);
      const kind = stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other";
      return { kind, executable: (stats.mode & 0o111) !== 0 };
    },
  };
}

async function readSmallFile(found: Buffer, root: string, path: ByteString): Promise<Uint8Array> {
  const file = await open(found, "r");
  try {
    const { size } = await file.stat();
    if (size > MAX_FILE_SIZE) {
      const problem = `has ${size} bytes, limit ${MAX_FILE_SIZE}`;
      throw new ImageFileError("PATH_UNSUITABLE", { name: path, path: root, problem });
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Where a path leads with the sandbox as root; undefined where it leads nowhere. Names are bytes. */
async function resolveInside(root: string, path: ByteString): Promise<Buffer | undefined> {
  const done: ByteString[] = [];
  const pending = path.split("/").reverse();
  const place = (): Buffer => Buffer.concat([Buffer.from(root), Buffer.from(`/${done.join("/")}`, "latin1")]);
  let followed = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      done.pop();
      continue;
    }
    done.push(name);
    const target = await linkTarget(place());
    if (target === "none") return undefined;
    if (target === undefined) continue;
    if (++followed > MAX_SYMLINKS) return undefined;
    done.pop();
    if (target.text.startsWith("/")) done.length = 0;
    pending.push(...target.text.split("/").reverse());
  }
  return place();
}

async function linkTarget(place: Buffer): Promise<{ readonly text: ByteString } | "none" | undefined> {
  try {
    if (!(await lstat(place)).isSymbolicLink()) return undefined;
    return { text: (await readlink(place, { encoding: "buffer" })).toString("latin1") };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return "none";
    throw error;
  }
}
