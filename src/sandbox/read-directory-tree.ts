import { type BigIntStats, constants, lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { ByteString } from "../bytes/byte-string.ts";
import type { BodyPart, Xattr } from "../bytes/file-body.ts";
import type { ContentStore } from "../fstree/content.ts";
import { ELF_HEAD_SIZE, readElfArch } from "../fstree/elf.ts";
import { type InodeAttributes, type InodeId, InodeKind } from "../fstree/inodes.ts";
import { FsTree, type NodeId } from "../fstree/tree.ts";
import type { OnProgress } from "../progress.ts";
import { bytePath } from "./byte-path.ts";
import { SandboxError } from "./errors.ts";
import { readXattrs } from "./read-xattrs.ts";

/** Bytes of a file read at a time; smaller files are read whole. */
const READ_SIZE = 256 * 1024;
/** Names between two looks at the event loop, where signals arrive. */
const BREATH = 256;
const MAX_MTIME = 0xffff_ffff;

const KINDS: ReadonlyMap<number, InodeKind> = new Map([
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
  const { contents, signal } = options;
  const xattrs = await readXattrs(directory, options);
  const buffer = Buffer.allocUnsafeSlow(READ_SIZE);
  /** Inodes of several names, by device and number. */
  const linked = new Map<string, InodeId>();
  const guard = <T>(path: ByteString, work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      throw new SandboxError("READ_FAILED", { source: directory, path, cause });
    }
  };

  const attributesOf = (path: ByteString, stat: Stats): InodeAttributes => {
    const kind = KINDS.get(stat.mode & constants.S_IFMT) as InodeKind;
    const own: readonly Xattr[] | undefined = xattrs.get(path);
    return {
      kind,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtimeSec: Math.min(Math.max(Math.floor(stat.mtimeMs / 1000), 0), MAX_MTIME),
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
        await addFile({ file: bytePath(directory, path), source, tree, inode, stat, contents, buffer });
      }
    }
    todo.push(...below.reverse());
  }
  return tree;
}

/** Numbers of inodes may pass 2^53 (overlay file systems). */
function linkKey(path: Buffer): string {
  const { dev, ino }: BigIntStats = lstatSync(path, { bigint: true });
  return `${dev}:${ino}`;
}

/** The two parts of Linux's 64-bit device number (makedev(3)). */
function deviceOf(device: number): { deviceMajor: number; deviceMinor: number } {
  const number = BigInt(device);
  return {
    deviceMajor: Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n)),
    deviceMinor: Number((number & 0xffn) | ((number >> 12n) & 0xffffff00n)),
  };
}

interface FileJob {
  readonly file: Buffer;
  readonly source: { readonly source: string; readonly path: ByteString };
  readonly tree: FsTree;
  readonly inode: InodeId;
  readonly stat: Stats;
  readonly contents: ContentStore;
  readonly buffer: Buffer;
}

async function addFile({ file, source, tree, inode, stat, contents, buffer }: FileJob): Promise<void> {
  // NONBLOCK: should a FIFO have taken the name meanwhile, nobody waits for its writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(file, flags).catch((cause: unknown) => {
    throw new SandboxError("READ_FAILED", { ...source, cause });
  });
  try {
    let arch = 0;
    const read = async (): Promise<number> => {
      try {
        return await readFully(handle, buffer);
      } catch (cause) {
        throw new SandboxError("READ_FAILED", { ...source, cause });
      }
    };
    const first = await read();
    if ((stat.mode & 0o111) !== 0) arch = readElfArch(buffer.subarray(0, Math.min(first, ELF_HEAD_SIZE)));
    const changed = (seen: number) => new SandboxError("FILE_CHANGED", { ...source, seen, limit: stat.size });
    if (stat.size < READ_SIZE) {
      if (first !== stat.size) throw changed(first);
      tree.inodes.setContent(inode, await contents.add(first, buffer.subarray(0, first)), arch);
      return;
    }
    const parts = async function* (): AsyncGenerator<BodyPart, void, void> {
      let sum = 0;
      for (let count = first; count > 0; count = await read()) {
        sum += count;
        if (sum > stat.size) break;
        yield buffer.subarray(0, count);
      }
      if (sum !== stat.size) throw changed(sum);
    };
    tree.inodes.setContent(inode, await contents.add(stat.size, parts()), arch);
  } finally {
    await handle.close();
  }
}

/** Fills the buffer unless the file ends before. */
async function readFully(handle: FileHandle, buffer: Buffer): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, null);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
