import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from "node:fs";
import { posix } from "node:path";
import { buffer } from "node:stream/consumers";
import { toByteString } from "../../bytes/byte-string.ts";
import type { SquashfsImage } from "../../squashfs/reader/image.ts";
import type { Inode } from "../../squashfs/reader/inode.ts";

/** One name in a tree of files; links are not followed. */
export interface TreeEntry {
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Of symbolic links. */
  readonly target?: string;
  /** A character device 0:0, by which overlays tell that a name is gone. */
  readonly isWhiteout?: boolean;
}

/** Files below one folder. Paths are absolute, `/` is the folder itself, and no part of them but the last is a link. */
export interface FileTree {
  entry(path: string): Promise<TreeEntry | undefined>;
  /** A regular file's content. */
  read(path: string): Promise<Uint8Array>;
  /** Its first bytes, at most so many. */
  readHead(path: string, size: number): Promise<Uint8Array>;
  /** Names in a directory. */
  list(path: string): Promise<readonly string[]>;
}

/** The files of a SquashFS. What was looked up is kept: a start asks for the same few folders a hundred times. */
export function squashfsTree(image: SquashfsImage): FileTree {
  const known = new Map<string, Promise<Inode | undefined>>();
  function inodeAt(path: string): Promise<Inode | undefined> {
    let inode = known.get(path);
    if (inode === undefined) {
      inode = find(path);
      known.set(path, inode);
    }
    return inode;
  }
  async function find(path: string): Promise<Inode | undefined> {
    if (path === "/") return image.root();
    const from = await inodeAt(posix.dirname(path));
    return from?.kind === "directory" ? image.lookup(bytesOf(`/${posix.basename(path)}`), { from }) : undefined;
  }
  return {
    async entry(path) {
      const inode = await inodeAt(path);
      if (inode === undefined) return undefined;
      const { kind, mode, uid, gid } = inode;
      const common = { mode: mode & 0o7777, uid, gid, size: inode.kind === "file" ? inode.size : 0 };
      if (inode.kind === "symlink") return { ...common, kind: "symlink", target: textOf(inode.target) };
      return { ...common, kind: kind === "file" || kind === "directory" ? kind : "other" };
    },
    async read(path) {
      const inode = await inodeAt(path);
      // By its path where it is none, which says so.
      return image.readWhole(inode?.kind === "file" ? inode : bytesOf(path), { name: bytesOf(path) });
    },
    async readHead(path, size) {
      const inode = await inodeAt(path);
      return buffer(image.readFile(inode?.kind === "file" ? inode : bytesOf(path), { end: size }));
    },
    async list(path) {
      const names: string[] = [];
      const inode = await inodeAt(path);
      const directory = inode?.kind === "directory" ? inode : bytesOf(path);
      for await (const { name } of image.readdir(directory)) names.push(textOf(name));
      return names;
    },
  };
}

/** The files below a directory of the host. */
export function directoryTree(directory: string): FileTree {
  const at = (path: string) => (path === "/" ? directory : `${directory === "/" ? "" : directory}${path}`);
  return {
    async entry(path) {
      return hostEntry(at(path));
    },
    async read(path) {
      return readFileSync(at(path));
    },
    async readHead(path, size) {
      const descriptor = openSync(at(path), "r");
      try {
        const head = Buffer.alloc(size);
        return head.subarray(0, readSync(descriptor, head, 0, size, 0));
      } finally {
        closeSync(descriptor);
      }
    },
    async list(path) {
      return readdirSync(at(path));
    },
  };
}

/** What lies at a path of a tree and below it. No part of the path is a link. */
export function treeBelow(tree: FileTree, path: string): FileTree {
  const at = (below: string) => (below === "/" ? path : posix.join(path, below));
  return {
    entry: (below) => tree.entry(at(below)),
    read: (below) => tree.read(at(below)),
    readHead: (below, size) => tree.readHead(at(below), size),
    list: (below) => tree.list(at(below)),
  };
}

/** What lies at a path of the host; undefined where that cannot be told. */
export function hostEntry(path: string): TreeEntry | undefined {
  try {
    const stat = lstatSync(path);
    const common = { mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid, size: stat.size };
    if (stat.isSymbolicLink()) return { ...common, kind: "symlink", target: readlinkSync(path) };
    const isWhiteout = stat.isCharacterDevice() && stat.rdev === 0;
    return { ...common, kind: stat.isFile() ? "file" : stat.isDirectory() ? "directory" : "other", isWhiteout };
  } catch {
    return undefined;
  }
}

/**
 * A tree below what an overlay holds. Whiteouts hide; that a directory is opaque does not show here, as Node cannot
 * read extended attributes: what it hides is only ever taken for a place to mount on.
 */
export function overlaidTree(upper: FileTree, lower: FileTree): FileTree {
  /** Whose the path is: undefined where a whiteout, or a file in the place of a directory, hides it. */
  async function owner(path: string): Promise<FileTree | undefined> {
    const parts = path.split("/").filter(Boolean);
    for (let count = 1; count <= parts.length; count++) {
      const entry = await upper.entry(`/${parts.slice(0, count).join("/")}`);
      if (entry === undefined) return lower;
      if (entry.isWhiteout === true) return undefined;
      if (entry.kind !== "directory") return count === parts.length ? upper : undefined;
    }
    return upper;
  }
  return {
    async entry(path) {
      return (await owner(path))?.entry(path);
    },
    async read(path) {
      return ((await owner(path)) ?? lower).read(path);
    },
    async readHead(path, size) {
      return ((await owner(path)) ?? lower).readHead(path, size);
    },
    async list(path) {
      const names = new Set<string>();
      for (const tree of [lower, upper]) {
        if ((await tree.entry(path))?.kind === "directory") for (const name of await tree.list(path)) names.add(name);
      }
      const shown: string[] = [];
      for (const name of names) {
        if ((await owner(`${path === "/" ? "" : path}/${name}`)) !== undefined) shown.push(name);
      }
      return shown;
    },
  };
}

function bytesOf(path: string): string {
  return toByteString(path.slice(1));
}

function textOf(name: string): string {
  return Buffer.from(name, "latin1").toString("utf8");
}
