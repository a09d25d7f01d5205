import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readlink } from "node:fs/promises";
import { bytesAccess, openFileAccess, type RandomAccess } from "../../src/bytes/random-access.ts";
import { decodeDevice } from "../../src/squashfs/format.ts";
import { SquashfsImage } from "../../src/squashfs/reader/image.ts";
import type { Inode } from "../../src/squashfs/reader/inode.ts";
import { requireTool } from "./tools.ts";

/** One path of a tree, plain and comparable. Names and targets are byte strings. */
export interface TreeEntry {
  readonly kind: Inode["kind"];
  /** Permission bits, octal: "4755". */
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSec: number;
  /** Of files. */
  readonly size?: number;
  readonly sha256?: string;
  /** Of symlinks. */
  readonly target?: string;
  /** Of devices: "1:3". */
  readonly device?: string;
  /** Name → hex of the value; absent for none. */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Of hard links: the first of their paths in bytewise order, at that path too; absent for files with one name. */
  readonly linkedWith?: string;
}

/** Path → entry, in bytewise order; "" is the root. `toEqual` on two of them names what differs. */
export type Tree = Readonly<Record<string, TreeEntry>>;

export interface TreeOptions {
  /** Leave out what the caller does not want to compare. */
  readonly without?: readonly (keyof TreeEntry)[];
}

/** Lists a squashfs image (a path, the bytes, or an open source). */
export async function treeOfImage(image: string | Uint8Array | RandomAccess, options: TreeOptions = {}): Promise<Tree> {
  const source = typeof image === "string" ? await openFileAccess(image) : image;
  const access = source instanceof Uint8Array ? bytesAccess(source) : source;
  try {
    const squashfs = await SquashfsImage.open(access);
    const tree = new TreeBuilder(options);
    for await (const { path, inode } of squashfs.walk()) {
      const xattrs: Record<string, string> = {};
      for (const { name, value } of await squashfs.xattrs(inode)) xattrs[name] = Buffer.from(value).toString("hex");
      tree.add(path, inode.ref, inode.linkCount, {
        ...common(inode.kind, inode.mode, inode.uid, inode.gid, inode.mtimeSec),
        ...(inode.kind === "file" && { size: inode.size, sha256: await sha256(squashfs.readFile(inode)) }),
        ...(inode.kind === "symlink" && { target: inode.target }),
        ...("deviceMajor" in inode && { device: `${inode.deviceMajor}:${inode.deviceMinor}` }),
        ...(Object.keys(xattrs).length > 0 && { xattrs }),
      });
    }
    return tree.finish();
  } finally {
    if (typeof image === "string") await access.close();
  }
}

/** Lists a real directory the same way. Extended attributes are read with python3, Node having no call for them. */
export async function treeOfDirectory(directory: string, options: TreeOptions = {}): Promise<Tree> {
  const tree = new TreeBuilder(options);
  const attributes = options.without?.includes("xattrs") ? {} : readXattrs(directory);
  const root = Buffer.from(directory);
  const pending = [""];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const full = path === "" ? root : Buffer.concat([root, Buffer.from(`/${path}`, "latin1")]);
    const stat = await lstat(full);
    const kind = kindOf(stat);
    const xattrs = attributes[path];
    const { major, minor } = decodeDevice(stat.rdev);
    tree.add(path, stat.ino, kind === "directory" ? 1 : stat.nlink, {
      ...common(kind, stat.mode & 0o7777, stat.uid, stat.gid, Math.floor(stat.mtimeMs / 1000)),
      ...(kind === "file" && { size: stat.size, sha256: await sha256(createReadStream(full)) }),
      ...(kind === "symlink" && { target: (await readlink(full, "buffer")).toString("latin1") }),
      ...((kind === "charDevice" || kind === "blockDevice") && { device: `${major}:${minor}` }),
      ...(xattrs !== undefined && { xattrs }),
    });
    if (kind === "directory")
      for (const name of await readdir(full, "buffer"))
        pending.push(path === "" ? name.toString("latin1") : `${path}/${name.toString("latin1")}`);
  }
  return tree.finish();
}

class TreeBuilder {
  readonly #without: readonly (keyof TreeEntry)[];
  readonly #entries: [path: string, entry: TreeEntry][] = [];
  readonly #links = new Map<number, string[]>();

  constructor(options: TreeOptions) {
    this.#without = options.without ?? [];
  }

  add(path: string, inode: number, linkCount: number, entry: TreeEntry): void {
    this.#entries.push([path, entry]);
    if (entry.kind === "directory" || linkCount < 2) return;
    this.#links.set(inode, [...(this.#links.get(inode) ?? []), path]);
  }

  finish(): Tree {
    const linkedWith = new Map<string, string>();
    for (const paths of this.#links.values()) {
      const [first] = paths.sort(bytewise);
      if (paths.length > 1) for (const path of paths) linkedWith.set(path, first as string);
    }
    const tree: Record<string, TreeEntry> = {};
    for (const [path, entry] of this.#entries.sort(([a], [b]) => bytewise(a, b))) {
      const link = linkedWith.get(path);
      const full = link === undefined ? entry : { ...entry, linkedWith: link };
      tree[path] = Object.fromEntries(
        Object.entries(full).filter(([field]) => !this.#without.includes(field as keyof TreeEntry)),
      ) as unknown as TreeEntry;
    }
    return tree;
  }
}

function common(kind: Inode["kind"], mode: number, uid: number, gid: number, mtimeSec: number): TreeEntry {
  return { kind, mode: mode.toString(8).padStart(4, "0"), uid, gid, mtimeSec };
}

function bytewise(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function kindOf(stat: Awaited<ReturnType<typeof lstat>>): Inode["kind"] {
  if (stat.isFile()) return "file";
  if (stat.isDirectory()) return "directory";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isCharacterDevice()) return "charDevice";
  if (stat.isBlockDevice()) return "blockDevice";
  return stat.isFIFO() ? "fifo" : "socket";
}

async function sha256(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of content) hash.update(chunk);
  return hash.digest("hex");
}

// Paths come as latin1 of their bytes, so that JSON carries them; system.* (ACLs) has no place in squashfs.
const LIST_XATTRS = `
import json, os, sys
root = os.fsencode(sys.argv[1])
found = {}
def look(path):
    names = [n for n in os.listxattr(path, follow_symlinks=False) if not n.startswith("system.")]
    if names:
        found[path[len(root):].lstrip(b"/").decode("latin1")] = {
            os.fsencode(n).decode("latin1"): os.getxattr(path, n, follow_symlinks=False).hex() for n in names}
look(root)
for folder, folders, files in os.walk(root):
    for name in folders + files:
        look(os.path.join(folder, name))
json.dump(found, sys.stdout)
`;

function readXattrs(directory: string): Record<string, Record<string, string>> {
  const python = requireTool("python3");
  if (python === undefined) return {};
  const json = execFileSync(python, ["-c", LIST_XATTRS, directory], { encoding: "utf8", maxBuffer: 1 << 28 });
  return JSON.parse(json) as Record<string, Record<string, string>>;
}
