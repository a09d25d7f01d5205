import { type BigIntStats, constants, lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { bytePath } from "../bytes/byte-path.ts";
import type { ByteString } from "../bytes/byte-string.ts";
import type { Xattr } from "../bytes/file-body.ts";
import type { ContentStore } from "../fstree/content.ts";
import { type InodeAttributes, type InodeId, InodeKind } from "../fstree/inodes.ts";
import { FsTree, type NodeId } from "../fstree/tree.ts";
import type { OnProgress } from "../progress.ts";
import { addHostFile, readBuffer } from "./add-host-file.ts";
import { SandboxError } from "./errors.ts";
import { readXattrs } from "./read-xattrs.ts";

/** Names between two looks at the event loop, where signals arrive. */
const BREATH = 256;
/** Latest second that an inode can have. */
export const MAX_MTIME: number = 0xffff_ffff;

/** What an inode is, by the type bits of its mode. */
export const KINDS: ReadonlyMap<number, InodeKind> = new Map([
  [constants.S_IFDIR, InodeKind.directory],
  [constants.S_IFREG, InodeKind.file],
  [constants.S_IFLNK, InodeKind.symlink],
  [constants.S_IFBLK, InodeKind.blockDevice],
  [constants.S_IFCHR, InodeKind.charDevice],
  [constants.S_IFIFO, InodeKind.fifo],
  [constants.S_IFSOCK, InodeKind.socket],
]);

export interface ReadDirectoryOptions {
  readonly contents: ContentStore;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/**
 * The tree of a directory as it lies on disk, its files' contents streamed into the store in the order of names.
 * Symbolic links are taken as such and never followed.
 * @throws SandboxError READ_FAILED, FILE_CHANGED
 */
export async function readDirectoryTree(directory: string, options: ReadDirectoryOptions): Promise<FsTree> {
  const { contents, signal, onProgress } = options;
  const xattrs = await readXattrs(directory, options);
  const buffer = readBuffer();
  /** Inodes of several names, by device and number. */
  const linked = new Map<string, InodeId>();
  const guard = <T>(path: ByteString, work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw new SandboxError("READ_FAILED", { source: directory, path, cause });
    }
  };

  let beyond = 0;
  const nearestTime = (sec: number): number => {
    const near = Math.min(Math.max(sec, 0), MAX_MTIME);
    if (near !== sec) beyond++;
    return near;
  };

  const attributesOf = (path: ByteString, stat: Stats): InodeAttributes => {
    const kind = KINDS.get(stat.mode & constants.S_IFMT) as InodeKind;
    const own: readonly Xattr[] | undefined = xattrs.get(path);
    return {
      kind,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtimeSec: nearestTime(Math.floor(stat.mtimeMs / 1000)),
      ...(own === undefined ? {} : { xattrs: own }),
      ...(kind === InodeKind.file ? { size: stat.size } : {}),
      ...(kind === InodeKind.symlink
        ? { target: guard(path, () => readlinkSync(bytePath(directory, path), { encoding: "latin1" })) }
        : {}),
      ...(kind === InodeKind.blockDevice || kind === InodeKind.charDevice ? deviceOf(stat.rdev) : {}),
    };
  };

  const root = guard("", () => lstatSync(bytePath(directory, "")));
  const tree = new FsTree(attributesOf("", root.isDirectory() ? root : guard("", () => lstatSync(`${directory}/.`))));
  const todo: { readonly node: NodeId; readonly path: ByteString }[] = [{ node: FsTree.root, path: "" }];
  let breath = 0;
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const { node, path: folder } = at;
    const names = guard(folder, () => readdirSync(bytePath(directory, folder), { encoding: "latin1" })).sort();
    const below: typeof todo = [];
    for (const name of names) {
      if (++breath % BREATH === 0) await setImmediate();
      signal?.throwIfAborted();
      const path = folder === "" ? name : `${folder}/${name}`;
      const stat = guard(path, () => lstatSync(bytePath(directory, path)));
      const key = stat.nlink > 1 && !stat.isDirectory() ? linkKey(bytePath(directory, path)) : undefined;
      const known = key === undefined ? undefined : linked.get(key);
      const inode = known ?? tree.inodes.add(attributesOf(path, stat));
      const child = tree.add(node, name, inode);
      if (key !== undefined) linked.set(key, inode);
      if (stat.isDirectory()) below.push({ node: child, path });
      else if (known === undefined && stat.isFile() && stat.size > 0) {
        const source = { source: directory, path };
        const { content, elfArch } = await addHostFile(bytePath(directory, path), stat, {
          ...{ contents, buffer },
          failed: (cause) => new SandboxError("READ_FAILED", { ...source, cause }),
          changed: (seen) => new SandboxError("FILE_CHANGED", { ...source, seen, limit: stat.size }),
        });
        tree.inodes.setContent(inode, content, elfArch);
      }
    }
    todo.push(...below.reverse());
  }
  if (beyond > 0) onProgress?.({ kind: "warning", message: timesMessage(directory, beyond) });
  return tree;
}

/** Times of SquashFS are unsigned and have 32 bits. */
function timesMessage(directory: string, count: number): string {
  const entries = count === 1 ? "1 entry" : `${count} entries`;
  return `${entries} in ${directory} changed before 1970 or after 2106-02-07, which SquashFS cannot record: the nearest time is taken`;
}

/** Numbers of inodes may pass 2^53 (overlay file systems). */
function linkKey(path: Buffer): string {
  const { dev, ino }: BigIntStats = lstatSync(path, { bigint: true });
  return `${dev}:${ino}`;
}

/** The two parts of Linux's 64-bit device number (makedev(3)). */
export function deviceOf(device: number): { deviceMajor: number; deviceMinor: number } {
  const number = BigInt(device);
  return {
    deviceMajor: Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n)),
    deviceMinor: Number((number & 0xffn) | ((number >> 12n) & 0xffffff00n)),
  };
}
