import { createHash } from "node:crypto";
import type { BodyPart, Xattr } from "../../../src/bytes/file-body.ts";
import { type InodeAttributes, type InodeId, InodeKind } from "../../../src/fstree/inodes.ts";
import { FsTree, type NodeId } from "../../../src/fstree/tree.ts";
import type { ProgressEvent } from "../../../src/progress.ts";
import { MemorySink } from "../../../src/sink/memory-sink.ts";
import type { Sink } from "../../../src/sink/sink.ts";
import { type SquashfsReport, SquashfsWriter } from "../../../src/squashfs/writer.ts";
import type { Compression } from "../../../src/wasm/compression.ts";
import { type Core, loadCore } from "../../../src/wasm/core.ts";
import { createBlockEncoder } from "../../../src/wasm/create-block-encoder.ts";
import type { Tree, TreeEntry } from "../../support/squashfs-tree.ts";

/** What stands at a path. Parents come before their children; bytes may be given as parts, to choose the cuts. */
export interface Item {
  readonly kind: keyof typeof InodeKind;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeSec?: number;
  readonly content?: Uint8Array | readonly BodyPart[];
  readonly target?: string;
  readonly device?: readonly [major: number, minor: number];
  readonly xattrs?: readonly Xattr[];
}

/** A second name of the file at that path. */
export interface Link {
  readonly linkTo: string;
}

export type Items = Readonly<Record<string, Item | Link>>;

export interface BuildOptions {
  readonly workers?: number;
  readonly blockSize?: number;
  readonly compression?: Compression;
  readonly sink?: Sink;
  readonly root?: Item;
  readonly mtimeSec?: number;
  readonly signal?: AbortSignal;
}

export interface Built {
  readonly bytes: Uint8Array;
  readonly report: SquashfsReport;
  readonly events: readonly ProgressEvent[];
}

const GZIP: Compression = { kind: "gzip", level: "default" };
const cores = new Map<number, Core>();

/** One core per block size is enough for all tests. */
export function testCore(blockSize: number): Core {
  const size = Math.max(8192, blockSize);
  const core = cores.get(size) ?? loadCore({ blockSize: size });
  cores.set(size, core);
  return core;
}

/** Builds an image. Blocks are small by default, so that files of many blocks stay small as well. */
export async function buildImage(items: Items, options: BuildOptions = {}): Promise<Built> {
  const { workers = 0, blockSize = 4096, compression = GZIP, root, mtimeSec = 1_700_000_000, signal } = options;
  const core = testCore(blockSize);
  const encoder = createBlockEncoder({ compression, blockSize, workers, core });
  const memory = new MemorySink();
  const sink = options.sink ?? memory;
  const events: ProgressEvent[] = [];
  try {
    const writer = new SquashfsWriter({
      sink,
      encoder,
      compression,
      core,
      onProgress: (event) => events.push(event),
      ...(signal === undefined ? {} : { signal }),
    });
    const tree = new FsTree(attributesOf(root ?? { kind: "directory" }));
    const nodes = new Map<string, NodeId>([["", FsTree.root]]);
    for (const [path, item] of Object.entries(items)) {
      const slash = path.lastIndexOf("/");
      const parent = nodes.get(path.slice(0, Math.max(slash, 0)));
      if (parent === undefined) throw new Error(`no parent of ${path}`);
      let inode: InodeId;
      if ("linkTo" in item) inode = tree.inode(nodes.get(item.linkTo) as NodeId);
      else {
        const size = sizeOf(item.content);
        const content =
          item.kind === "file" && item.content !== undefined
            ? await writer.contents.add(size, partsOf(item.content))
            : 0;
        inode = tree.inodes.add({ ...attributesOf(item), content, size });
      }
      nodes.set(path, tree.add(parent, path.slice(slash + 1), inode));
    }
    const report = await writer.finish(tree, { mtimeSec });
    return { bytes: memory.bytes.slice(), report, events };
  } finally {
    await encoder.close();
  }
}

/** What the reader should find. Hard links name the bytewise first of their paths. */
export function expectedTree(items: Items, root: Item = { kind: "directory" }): Tree {
  const links = new Map<string, string[]>();
  for (const [path, item] of Object.entries(items))
    if ("linkTo" in item) links.set(item.linkTo, [...(links.get(item.linkTo) ?? [item.linkTo]), path]);
  const first = new Map<string, string>();
  for (const paths of links.values()) {
    paths.sort();
    for (const path of paths) first.set(path, paths[0] as string);
  }
  const tree: Record<string, TreeEntry> = {};
  for (const [path, item] of Object.entries<Item | Link>({ "": root, ...items })) {
    const real = ("linkTo" in item ? items[item.linkTo] : item) as Item;
    const linkedWith = first.get(path);
    const xattrs = Object.fromEntries((real.xattrs ?? []).map((x) => [x.name, Buffer.from(x.value).toString("hex")]));
    tree[path] = {
      kind: real.kind,
      mode: (real.mode ?? 0o644).toString(8).padStart(4, "0"),
      uid: real.uid ?? 0,
      gid: real.gid ?? 0,
      mtimeSec: real.mtimeSec ?? 1_600_000_000,
      ...(real.kind === "file" && { size: sizeOf(real.content), sha256: digestOf(real.content) }),
      ...(real.kind === "symlink" && { target: real.target as string }),
      ...(real.device !== undefined && { device: real.device.join(":") }),
      ...(Object.keys(xattrs).length > 0 && { xattrs }),
      ...(linkedWith !== undefined && { linkedWith }),
    };
  }
  return tree;
}

function attributesOf(item: Item): InodeAttributes {
  const { kind, mode = 0o644, uid = 0, gid = 0, mtimeSec = 1_600_000_000, target, device, xattrs } = item;
  return {
    kind: InodeKind[kind],
    mode,
    uid,
    gid,
    mtimeSec,
    ...(target !== undefined && { target }),
    ...(device !== undefined && { deviceMajor: device[0], deviceMinor: device[1] }),
    ...(xattrs !== undefined && { xattrs }),
  };
}

function sizeOf(content: Item["content"]): number {
  if (content === undefined) return 0;
  if (content instanceof Uint8Array) return content.length;
  return content.reduce((sum, part) => sum + (part instanceof Uint8Array ? part.length : part.zeros), 0);
}

/** Borrowed parts, as the contract has them: dead once the next one is asked for. */
async function* borrow(parts: readonly BodyPart[]): AsyncGenerator<BodyPart> {
  for (const part of parts) {
    if (!(part instanceof Uint8Array)) {
      yield part;
      continue;
    }
    const copy = Uint8Array.from(part);
    yield copy;
    copy.fill(0xee);
  }
}

function partsOf(content: Uint8Array | readonly BodyPart[]): AsyncIterable<BodyPart> | Uint8Array {
  return content instanceof Uint8Array ? content : borrow(content);
}

function digestOf(content: Item["content"]): string {
  const hash = createHash("sha256");
  const parts = content === undefined ? [] : content instanceof Uint8Array ? [content] : content;
  for (const part of parts) hash.update(part instanceof Uint8Array ? part : Buffer.alloc(part.zeros));
  return hash.digest("hex");
}

/** Bytes that look random and are always the same. */
export function noise(size: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = (seed * 2654435761 + 12345) >>> 0;
  for (let i = 0; i < size; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[i] = state >>> 11;
  }
  return bytes;
}

/** Bytes that compress well, differing with the seed. */
export function prose(size: number, seed: number): Buffer {
  const words = Buffer.from(`${seed} the quick brown fox jumps over the lazy dog ${seed * 7919} `);
  const bytes = Buffer.alloc(size, words);
  for (let i = 0; i < size; i += 97) bytes[i] = (i * seed) & 0xff;
  return bytes;
}

export function xattr(name: string, value: string | Uint8Array): Xattr {
  return { name, value: typeof value === "string" ? Buffer.from(value) : value };
}
