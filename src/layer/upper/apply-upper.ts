import type { ByteString } from "../../bytes/byte-string.ts";
import type { Xattr } from "../../bytes/file-body.ts";
import type { ContentStore } from "../../fstree/content.ts";
import { type InodeAttributes, type InodeId, InodeKind } from "../../fstree/inodes.ts";
import { FsTree, NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { EntryKind, type TarEntry } from "../../tar/entry.ts";
import { attributesOf } from "../merge/attributes.ts";
import { nameOf, normalizePath, parentOf } from "../merge/entry-path.ts";
import { MergeError } from "../merge/errors.ts";
import { Intake } from "../merge/intake.ts";
import { readMarks, type UpperMarks } from "./marks.ts";

/** How an upper directory is read. */
export interface UpperOptions {
  /** Takes the bytes of its files. */
  readonly contents: ContentStore;
  readonly marks: UpperMarks;
  /** What messages call it. */
  readonly name: string;
  readonly signal: AbortSignal;
  /** Which files' contents are also returned, by path in the tree. */
  readonly capture?: (path: ByteString) => boolean;
}

/** What an upper directory did to the tree. */
export interface UpperReport {
  /** Names that were put in or changed. */
  readonly written: number;
  /** Names that whiteouts and opaque directories took out; those below them are not counted. */
  readonly removed: number;
  /** Contents of the files that `capture` asked for. */
  readonly captured: ReadonlyMap<InodeId, Uint8Array>;
}

/**
 * Lays an overlay's upper directory over the tree of what was below it. The tree is changed in place: what the
 * overlay showed as one is one then. Directories come before what is in them, as tar writes them, each path once.
 *
 * A copied-up file of several names stands alone, as the overlay showed it: its other names keep the former inode.
 * @throws MergeError for entries that no upper directory has; what the entries or the store throw
 */
export async function applyUpper(
  tree: FsTree,
  entries: AsyncIterable<TarEntry>,
  options: UpperOptions,
): Promise<UpperReport> {
  const upper = new UpperPass(tree, options);
  for await (const entry of entries) {
    options.signal.throwIfAborted();
    await upper.take(entry);
  }
  return { written: upper.written, removed: upper.removed, captured: upper.intake.captured };
}

class UpperPass {
  readonly intake: Intake;
  readonly #tree: FsTree;
  readonly #options: UpperOptions;
  /** Names that the upper directory has: a directory found to be opaque only after them keeps them. */
  readonly #own = new Set<NodeId>();
  written = 0;
  removed = 0;

  constructor(tree: FsTree, options: UpperOptions) {
    this.#tree = tree;
    this.#options = options;
    this.intake = new Intake(options.contents);
  }

  async take(entry: TarEntry): Promise<void> {
    const { name, marks, capture } = this.#options;
    const { path, role, xattrs } = readMarks(entry, normalizePath(entry.path, name), marks);
    if (role === "plumbing") return;
    if (role === "whiteout") {
      this.#remove(this.#find(path));
      return;
    }
    if (role === "opaque") {
      if (entry.kind === EntryKind.directory) this.#put(path, entry, xattrs);
      this.#makeOpaque(this.#find(path));
      return;
    }
    const inode = this.#put(path, entry, xattrs);
    if (entry.kind === EntryKind.file)
      await this.intake.take(this.#tree.inodes, inode, entry, capture?.(path) === true);
  }

  /** Lets the name stand for what the entry is; returns its inode. */
  #put(path: ByteString, entry: TarEntry, xattrs: readonly Xattr[]): InodeId {
    const tree = this.#tree;
    this.written++;
    const old = this.#find(path);
    if (entry.kind === EntryKind.directory && old !== NO_NODE && tree.isDirectory(old)) {
      this.#own.add(old);
      tree.inodes.update(tree.inode(old), withXattrs(attributesOf(entry), xattrs));
      return tree.inode(old);
    }
    const layer = this.#options.name;
    if (path === "") throw new MergeError("ROOT_NOT_A_DIRECTORY", { path, layer, kind: entry.kind });
    const dir = this.#find(parentOf(path));
    if (dir === NO_NODE || !tree.isDirectory(dir))
      throw new MergeError("MALFORMED_NAME", {
        path,
        layer,
        reason: "the directory that it is in did not come before it",
      });
    // A new inode, as other names may have the former one.
    const inode =
      entry.kind === EntryKind.hardlink
        ? this.#linkTarget(path, entry.linkName)
        : tree.inodes.add(withXattrs(attributesOf(entry), xattrs));
    if (old !== NO_NODE) tree.remove(old);
    this.#own.add(tree.add(dir, nameOf(path), inode));
    return inode;
  }

  #linkTarget(path: ByteString, target: ByteString): InodeId {
    const layer = this.#options.name;
    const node = this.#find(normalizePath(target, layer));
    if (node === NO_NODE) throw new MergeError("DANGLING_HARD_LINK", { path, layer, target });
    const inode = this.#tree.inode(node);
    if (this.#tree.inodes.kind(inode) === InodeKind.directory)
      throw new MergeError("HARD_LINK_TO_DIRECTORY", { path, layer, target });
    return inode;
  }

  #remove(node: NodeId): void {
    if (node === NO_NODE || node === FsTree.root) return;
    this.#tree.remove(node);
    this.removed++;
  }

  /** Takes out of a directory what came from below. */
  #makeOpaque(start: NodeId): void {
    const todo = [start];
    for (let dir = todo.pop(); dir !== undefined; dir = todo.pop()) {
      if (dir === NO_NODE || !this.#tree.isDirectory(dir)) continue;
      for (const child of this.#tree.children(dir)) {
        if (this.#own.has(child)) todo.push(child);
        else this.#remove(child);
      }
    }
  }

  /** The node at a path, no link followed: on the way to each of its names an upper directory has directories. */
  #find(path: ByteString): NodeId {
    let node: NodeId = FsTree.root;
    if (path === "") return node;
    for (const name of path.split("/")) {
      node = this.#tree.lookup(node, name);
      if (node === NO_NODE) break;
    }
    return node;
  }
}

function withXattrs(attributes: InodeAttributes, xattrs: readonly Xattr[]): InodeAttributes {
  return { ...attributes, xattrs };
}
