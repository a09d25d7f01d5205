import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { runCommand } from "./command.ts";

/** What a reader of a file system can see of one entry. */
export interface TreeEntry {
  readonly type: "file" | "directory" | "symlink" | "device" | "fifo" | "socket";
  /** Permission bits, octal, set-uid and the like included. */
  readonly mode: string;
  readonly owner: string;
  readonly mtimeSec: number;
  /** SHA-256 of a file's content, target of a symlink, number of a device. */
  readonly content: string | undefined;
  /** All names of the same inode, sorted, where it has more than one. */
  readonly links: readonly string[] | undefined;
  /** Name and value of each extended attribute, hexadecimal. */
  readonly xattrs: readonly string[] | undefined;
}

/** Entries by path from the root (`""`), one UTF-16 unit a byte. */
export type FileTree = ReadonlyMap<string, TreeEntry>;

export interface ScanOptions {
  /** Paths left out, with all below them. */
  readonly ignore?: readonly string[];
}

const S_IFMT = 0o170000;
const TYPES: Readonly<Record<number, TreeEntry["type"]>> = {
  0o100000: "file",
  0o040000: "directory",
  0o120000: "symlink",
  0o020000: "device",
  0o060000: "device",
  0o010000: "fifo",
  0o140000: "socket",
};

/** Reads a whole tree. Extended attributes are read with `getfattr` (Debian package attr), as Node cannot. */
export async function scanTree(root: string, options: ScanOptions = {}): Promise<FileTree> {
  const ignored = new Set(options.ignore);
  const xattrs = await readXattrs(root);
  const tree = new Map<string, TreeEntry>();
  const names = new Map<string, string[]>();
  const visit = (path: string) => {
    const full = Buffer.from(path === "" ? root : `${root}/${path}`, "latin1");
    const stat = lstatSync(full);
    const type = TYPES[stat.mode & S_IFMT];
    if (type === undefined) throw new Error(`${path}: unknown type, mode ${stat.mode.toString(8)}`);
    const links = type === "directory" ? [path] : (names.get(`${stat.dev}:${stat.ino}`) ?? []);
    if (type !== "directory") names.set(`${stat.dev}:${stat.ino}`, links);
    if (type !== "directory") links.push(path);
    tree.set(path, {
      type,
      mode: (stat.mode & 0o7777).toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      mtimeSec: Math.floor(stat.mtimeMs / 1000),
      content: contentOf(type, full, stat.rdev),
      links: links,
      xattrs: xattrs.get(path),
    });
    if (type !== "directory") return;
    for (const name of readdirSync(full, { encoding: "latin1" }).sort()) {
      const child = path === "" ? name : `${path}/${name}`;
      if (!ignored.has(child)) visit(child);
    }
  };
  visit("");
  return new Map([...tree].map(([path, entry]) => [path, { ...entry, links: linksOf(entry) }]));
}

function linksOf(entry: TreeEntry): readonly string[] | undefined {
  return entry.links && entry.links.length > 1 ? [...entry.links].sort() : undefined;
}

function contentOf(type: TreeEntry["type"], path: Buffer, device: number): string | undefined {
  if (type === "file") return createHash("sha256").update(readFileSync(path)).digest("hex");
  if (type === "symlink") return readlinkSync(path, { encoding: "latin1" });
  return type === "device" ? String(device) : undefined;
}

async function readXattrs(root: string): Promise<Map<string, string[]>> {
  const args = ["-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", "--absolute-names", root];
  const { stdoutBytes, stderr } = await runCommand("getfattr", args);
  // A file system without an attribute table answers that it does not support them.
  const trouble = stderr.split("\n").filter((line) => line !== "" && !line.endsWith(": Operation not supported"));
  if (trouble.length > 0) throw new Error(`getfattr: ${trouble.slice(0, 5).join("\n")}`);
  const found = new Map<string, string[]>();
  for (const block of stdoutBytes.toString("latin1").split("\n\n")) {
    const [head = "", ...attributes] = block.trim().split("\n");
    if (!head.startsWith("# file: ")) continue;
    // getfattr writes bytes that are not printable as \ooo.
    const path = head
      .slice("# file: ".length)
      .replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
    found.set(path.slice(root.length + 1), attributes.sort());
  }
  return found;
}

export interface CompareOptions {
  /** Members of an entry that may differ. */
  readonly except?: readonly (keyof TreeEntry)[];
}

/** One line for each difference between two trees; none where they are equal. */
export function compareTrees(a: FileTree, b: FileTree, options: CompareOptions = {}): string[] {
  const lines: string[] = [];
  for (const path of new Set([...a.keys(), ...b.keys()])) {
    const [x, y] = [a.get(path), b.get(path)];
    if (x === undefined || y === undefined) {
      lines.push(`/${path}: only in the ${x ? "first" : "second"}`);
      continue;
    }
    for (const key of Object.keys(x) as (keyof TreeEntry)[]) {
      const [seen, expected] = [JSON.stringify(x[key]), JSON.stringify(y[key])];
      if (seen !== expected && !options.except?.includes(key)) lines.push(`/${path}: ${key} ${seen} | ${expected}`);
    }
  }
  return lines.sort();
}
