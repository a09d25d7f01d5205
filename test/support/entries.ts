import type { BodyPart } from "../../src/bytes/file-body.ts";
import type { ContentId, ContentStore } from "../../src/fstree/content.ts";
import { InodeKind } from "../../src/fstree/inodes.ts";
import { FsTree } from "../../src/fstree/tree.ts";
import type { MergeLayer } from "../../src/layer/merge/contract.ts";
import type { EntryKind, TarEntry } from "../../src/tar/entry.ts";

export interface EntrySpec extends Partial<Omit<TarEntry, "kind" | "path" | "body" | "bodyIfBuffered" | "size">> {
  readonly content?: string | Uint8Array;
  /** Hands the content out in parts of one byte, never whole. */
  readonly streamed?: boolean;
}

const CONTENTS = new WeakMap<TarEntry, string>();

/** The content that a hand-made entry was given. */
export function contentOf(made: TarEntry): string {
  return CONTENTS.get(made) ?? "";
}

/** An entry made by hand. */
export function entry(kind: EntryKind, path: string, spec: EntrySpec = {}): TarEntry {
  const { content, streamed = false, ...rest } = spec;
  const bytes = typeof content === "string" ? Buffer.from(content, "latin1") : (content ?? new Uint8Array(0));
  const made: TarEntry = {
    path,
    kind,
    mode: kind === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtimeSec: 1,
    size: bytes.length,
    linkName: "",
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: [],
    offset: 0,
    ...rest,
    async *body(): AsyncIterable<BodyPart> {
      for (let i = 0; i < bytes.length; i++) yield bytes.subarray(i, i + 1);
    },
    bodyIfBuffered: () => (streamed ? undefined : bytes),
  };
  CONTENTS.set(made, Buffer.from(bytes).toString("latin1"));
  return made;
}

export const file = (path: string, content: string, spec: EntrySpec = {}): TarEntry =>
  entry("file", path, { content, ...spec });
export const dir = (path: string, spec: EntrySpec = {}): TarEntry => entry("directory", path, spec);
export const symlink = (path: string, linkName: string, spec: EntrySpec = {}): TarEntry =>
  entry("symlink", path, { mode: 0o777, ...spec, linkName });
export const hardlink = (path: string, linkName: string, spec: EntrySpec = {}): TarEntry =>
  entry("hardlink", path, { ...spec, linkName });
export const whiteout = (path: string): TarEntry => entry("file", path.replace(/([^/]+)$/, ".wh.$1"));
export const opaque = (path: string): TarEntry => entry("file", path === "" ? ".wh..wh..opq" : `${path}/.wh..wh..opq`);

/** Layers that count how often they are opened and how many entries were taken from them. */
export class TestLayer implements MergeLayer {
  readonly name: string;
  opened = 0;
  taken = 0;
  readonly #entries: readonly TarEntry[];

  constructor(name: string, entries: readonly TarEntry[]) {
    this.name = name;
    this.#entries = entries;
  }

  async *entries(): AsyncGenerator<TarEntry, void, undefined> {
    this.opened++;
    for (const entry of this.#entries) {
      this.taken++;
      yield entry;
    }
  }
}

export function layersOf(...layers: readonly (readonly TarEntry[])[]): TestLayer[] {
  return layers.map((entries, i) => new TestLayer(`sha256:layer${i + 1}`, entries));
}

/** Keeps contents as strings. */
export class MemoryContents implements ContentStore {
  readonly stored: string[] = [""];
  #busy = false;

  async add(size: number, parts: AsyncIterable<BodyPart> | Uint8Array): Promise<ContentId> {
    if (this.#busy) throw new Error("two contents at once");
    this.#busy = true;
    let text = "";
    if (parts instanceof Uint8Array) text = Buffer.from(parts).toString("latin1");
    else
      for await (const part of parts)
        text += part instanceof Uint8Array ? Buffer.from(part).toString("latin1") : "\0".repeat(part.zeros);
    if (text.length !== size) throw new Error(`content is ${text.length} bytes, not ${size}`);
    this.#busy = false;
    return this.stored.push(text) - 1;
  }
}

const KINDS = Object.fromEntries(Object.entries(InodeKind).map(([name, kind]) => [kind, name]));

/** A tree in the lines of `describeNaive`. */
export function describeTree(tree: FsTree, contents: MemoryContents, implicitMtimeSec: number): string[] {
  const lines: string[] = [];
  const groups = new Map<number, string>();
  const inodes = tree.inodes;
  const walk = (node: number): void => {
    const inode = tree.inode(node);
    const path = tree.path(node);
    const kind = inodes.kind(inode);
    const meta = `${path} ${KINDS[kind]} ${inodes.mode(inode).toString(8)} ${inodes.uid(inode)}:${inodes.gid(inode)}`;
    if (kind === InodeKind.directory) {
      const implicit = inodes.mtimeSec(inode) === implicitMtimeSec && inodes.xattrSet(inode) === 0;
      lines.push(implicit ? `${meta} implicit` : `${meta} ${inodes.mtimeSec(inode)} ${xattrs(inode)} `);
      for (const child of tree.sortedChildren(node)) walk(child);
      return;
    }
    const first = groups.get(inode) ?? path;
    groups.set(inode, first);
    const data = kind === InodeKind.file ? contents.stored[inodes.content(inode)] : inodes.target(inode);
    const device =
      kind === InodeKind.blockDevice || kind === InodeKind.charDevice
        ? `${inodes.deviceMajor(inode)},${inodes.deviceMinor(inode)}`
        : "";
    lines.push(
      `${meta} ${inodes.mtimeSec(inode)} ${xattrs(inode)} ${data}${device}${first === path ? "" : ` = ${first}`}`,
    );
  };
  const xattrs = (inode: number): string =>
    inodes
      .xattrsOf(inodes.xattrSet(inode))
      .map((x) => `${x.name}=${Buffer.from(x.value).toString("hex")}`)
      .join();
  walk(FsTree.root);
  return lines.sort();
}
