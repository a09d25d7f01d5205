import type { TarEntry } from "../../src/tar/entry.ts";
import { contentOf } from "./entries.ts";

/** Stands for what is wrong with a hard link: an image is refused where a name in the final tree has it. */
interface Broken {
  readonly kind: "broken";
  readonly why: string;
}

export interface NaiveFile {
  readonly kind: "file" | "symlink" | "charDevice" | "blockDevice" | "fifo";
  readonly entry: TarEntry;
}

export interface NaiveDirectory {
  readonly kind: "directory";
  readonly names: Map<string, NaiveName>;
  /** Undefined: there is no entry for it. */
  entry: TarEntry | undefined;
  entryLayer: number;
}

/** A hard link that waits for its target to come later in its layer. */
interface Waiting {
  readonly kind: "waiting";
  readonly target: string;
  found: NaiveFile | Broken | undefined;
}

type NaiveInode = NaiveFile | NaiveDirectory | Broken | Waiting;

interface NaiveName {
  inode: NaiveInode;
  /** The last layer that wrote this name or something below it. */
  layer: number;
}

export class NaiveError extends Error {}

const HOPS = 40;

/**
 * Applies layers bottom-up to a file system of Maps, as plainly as it can be said. It is the meaning that the
 * merge must have; where this fails, the merge must fail.
 */
export function naiveApply(layers: readonly (readonly TarEntry[])[]): NaiveDirectory {
  const root: NaiveName = { inode: emptyDirectory(), layer: 0 };
  for (const [index, entries] of layers.entries()) applyLayer(root, entries, index + 1);
  failOnBroken(root.inode as NaiveDirectory);
  return root.inode as NaiveDirectory;
}

function emptyDirectory(): NaiveDirectory {
  return { kind: "directory", names: new Map(), entry: undefined, entryLayer: 0 };
}

function applyLayer(root: NaiveName, entries: readonly TarEntry[], layer: number): void {
  const waiting: Waiting[] = [];
  const plumbing = new Map<string, NaiveInode>();

  const seen = (inode: NaiveInode): NaiveInode | undefined => (inode.kind === "waiting" ? inode.found : inode);

  /** Physical names of the directory that a path leads to; `undefined` for a symlink loop. */
  const physical = (path: readonly string[], hops = 0): string[] | undefined => {
    const at: string[] = [];
    for (let i = 0; i < path.length; i++) {
      const name = path[i] as string;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        at.pop();
        continue;
      }
      const child = nameAt([...at, name]);
      const inode = child === undefined ? undefined : seen(child.inode);
      if (inode?.kind !== "symlink") {
        at.push(name);
        continue;
      }
      if (hops === HOPS) return undefined;
      const target = inode.entry.linkName;
      const base = target.startsWith("/") ? [] : at;
      return physical([...base, ...target.split("/"), ...path.slice(i + 1)], hops + 1);
    }
    return at;
  };

  const nameAt = (names: readonly string[]): NaiveName | undefined => {
    let at: NaiveName | undefined = root;
    for (const name of names) {
      if (at?.inode.kind !== "directory") return undefined;
      at = at.inode.names.get(name);
    }
    return at;
  };

  /** The directory for an entry, made where it is missing. */
  const makeDirectory = (names: readonly string[]): NaiveDirectory => {
    let dir = root.inode as NaiveDirectory;
    for (const name of names) {
      const old = dir.names.get(name);
      if (old?.inode.kind === "directory") {
        old.layer = layer;
        dir = old.inode;
      } else {
        const made = emptyDirectory();
        dir.names.set(name, { inode: made, layer });
        dir = made;
      }
    }
    return dir;
  };

  const directoryFor = (path: readonly string[]): string[] => {
    const names = physical(path);
    if (names === undefined) throw new NaiveError("symlink loop");
    return names;
  };

  const target = (path: readonly string[]): NaiveInode | undefined => {
    if (isMarker(path)) return plumbing.get(path.join("/"));
    if (path.length === 0) return root.inode;
    const dir = physical(path.slice(0, -1));
    const inode = dir === undefined ? undefined : nameAt([...dir, path.at(-1) as string])?.inode;
    return inode === undefined ? undefined : (seen(inode) ?? inode);
  };

  const hardlink = (entry: TarEntry): NaiveInode => {
    const path = clean(entry.linkName);
    const inode = target(path);
    if (inode?.kind === "directory") return { kind: "broken", why: "HARD_LINK_TO_DIRECTORY" };
    if (inode !== undefined) return inode;
    const late: Waiting = { kind: "waiting", target: path.join("/"), found: undefined };
    waiting.push(late);
    return late;
  };

  const inodeOf = (entry: TarEntry): NaiveInode => {
    if (entry.kind === "hardlink") return hardlink(entry);
    if (entry.kind === "directory") return { ...emptyDirectory(), entry };
    return { kind: entry.kind, entry };
  };

  const removeLower = (dir: NaiveDirectory, name: string): void => {
    const old = dir.names.get(name);
    if (old === undefined) return;
    if (old.layer !== layer) {
      dir.names.delete(name);
    } else if (old.inode.kind === "directory") {
      for (const below of [...old.inode.names.keys()]) removeLower(old.inode, below);
      if (old.inode.entryLayer !== layer) old.inode.entry = undefined;
    }
  };

  for (const entry of entries) {
    const path = clean(entry.path);
    const last = path.at(-1) ?? "";
    const parent = path.slice(0, -1);
    if (parent.some((name) => name.startsWith(".wh."))) {
      plumbing.set(path.join("/"), inodeOf(entry));
    } else if (last.startsWith(".wh.")) {
      if (last.startsWith(".wh..wh.") && last !== ".wh..wh..opq") {
        plumbing.set(path.join("/"), inodeOf(entry));
        continue;
      }
      const name = last.slice(4);
      if (name === "" || name === "." || name === "..") throw new NaiveError("malformed whiteout");
      const dir = nameAt(directoryFor(parent))?.inode;
      if (dir?.kind !== "directory") continue;
      if (last === ".wh..wh..opq") for (const child of [...dir.names.keys()]) removeLower(dir, child);
      else removeLower(dir, name);
    } else if (path.length === 0) {
      if (entry.kind !== "directory") throw new NaiveError("root is no directory");
      (root.inode as NaiveDirectory).entry = entry;
    } else {
      const inode = inodeOf(entry);
      const dir = makeDirectory(directoryFor(parent));
      const old = dir.names.get(last);
      if (inode.kind === "directory") {
        const kept = old?.inode.kind === "directory" ? old.inode : inode;
        kept.entry = entry;
        kept.entryLayer = layer;
        dir.names.set(last, { inode: kept, layer });
      } else {
        dir.names.set(last, { inode, layer });
      }
    }
  }

  // A link before its target binds at the end of the layer, chains in as many rounds as they need.
  for (let progress = true; progress; ) {
    progress = false;
    for (const late of waiting) {
      if (late.found !== undefined) continue;
      const inode = target(late.target === "" ? [] : late.target.split("/"));
      if (inode === undefined || inode.kind === "waiting") continue;
      late.found = inode.kind === "directory" ? { kind: "broken", why: "HARD_LINK_TO_DIRECTORY" } : inode;
      progress = true;
    }
  }
  for (const late of waiting) late.found ??= { kind: "broken", why: "DANGLING_HARD_LINK" };
  settle(root.inode as NaiveDirectory);
}

/** Puts what late links found in their place. */
function settle(dir: NaiveDirectory): void {
  for (const name of dir.names.values()) {
    while (name.inode.kind === "waiting") name.inode = name.inode.found as NaiveFile | Broken;
    if (name.inode.kind === "directory") settle(name.inode);
  }
}

function failOnBroken(dir: NaiveDirectory): void {
  for (const { inode } of dir.names.values()) {
    if (inode.kind === "broken") throw new NaiveError(inode.why);
    if (inode.kind === "directory") failOnBroken(inode);
  }
}

function isMarker(path: readonly string[]): boolean {
  return path.some((name) => name.startsWith(".wh."));
}

function clean(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return names;
}

/** A tree as lines, one a name: path, kind, metadata, content, and which names share its inode. */
export function describeNaive(root: NaiveDirectory): string[] {
  const lines: string[] = [];
  const groups = new Map<NaiveInode, string>();
  const walk = (dir: NaiveDirectory, path: string): void => {
    lines.push(line(path, "directory", dir.entry, ""));
    for (const name of [...dir.names.keys()].sort()) {
      const child = path === "" ? name : `${path}/${name}`;
      const inode = (dir.names.get(name) as NaiveName).inode;
      if (inode.kind === "directory") walk(inode, child);
      else if ("entry" in inode) {
        const first = groups.get(inode) ?? child;
        groups.set(inode, first);
        lines.push(line(child, inode.kind, inode.entry, first === child ? "" : ` = ${first}`));
      }
    }
  };
  walk(root, "");
  return lines.sort();
}

function line(path: string, kind: string, entry: TarEntry | undefined, group: string): string {
  if (entry === undefined) return `${path} ${kind} 755 0:0 implicit`;
  const xattrs = entry.xattrs.map((x) => `${x.name}=${Buffer.from(x.value).toString("hex")}`).sort();
  const data = kind === "file" ? contentOf(entry) : kind === "symlink" ? entry.linkName : "";
  const device = kind.endsWith("Device") ? `${entry.deviceMajor},${entry.deviceMinor}` : "";
  return `${path} ${kind} ${(entry.kind === "symlink" ? 0o777 : entry.mode).toString(8)} ${entry.uid}:${entry.gid} ${entry.mtimeSec} ${xattrs.join()} ${data}${device}${group}`;
}
