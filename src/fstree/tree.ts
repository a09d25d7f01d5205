import type { ByteString } from "../bytes/byte-string.ts";
import { BytePages } from "./byte-pages.ts";
import { U32Column } from "./columns.ts";
import { hashBytes } from "./hash.ts";
import { type InodeAttributes, type InodeId, InodeKind, InodeTable } from "./inodes.ts";
import { NameIndex } from "./name-index.ts";

/** A name in a directory; the root is {@link FsTree.root}. Names of one file (hard links) are several nodes with one inode. */
export type NodeId = number;

/** Where a node is asked for and there is none. */
export const NO_NODE = -1;

/** Longest name in a directory: squashfs 4.0 and Linux (NAME_MAX) agree. */
export const MAX_NAME_SIZE = 255;

const DEFAULT_ROOT: InodeAttributes = { kind: InodeKind.directory, mode: 0o755, uid: 0, gid: 0, mtimeSec: 0 };

/**
 * A file tree in columns: per node 28 bytes, its name and a share of the index of names; 32 more per
 * inode. Node numbers are given out in order and not used again after a removal.
 */
export class FsTree {
  static readonly root: NodeId = 0;

  readonly inodes: InodeTable = new InodeTable();
  readonly #parents = new U32Column();
  readonly #names = new U32Column();
  readonly #hashes = new U32Column();
  readonly #inodeOf = new U32Column();
  /** Children hang in a doubly linked list; links hold node + 1, 0 ends it. */
  readonly #firstChild = new U32Column();
  readonly #nextSibling = new U32Column();
  readonly #previousSibling = new U32Column();
  readonly #bytes = new BytePages();
  readonly #index = new NameIndex((node) => this.#hashes.get(node));
  #nodeCount = 1;

  constructor(root: InodeAttributes = DEFAULT_ROOT) {
    this.#parents.set(FsTree.root, FsTree.root);
    this.#names.set(FsTree.root, this.#bytes.add(""));
    this.#inodeOf.set(FsTree.root, this.inodes.add(root));
  }

  /** All node numbers are below; removed ones count. */
  get nodeCount(): number {
    return this.#nodeCount;
  }

  /** The node of that name in a directory, or `NO_NODE`. */
  lookup(dir: NodeId, name: ByteString): NodeId {
    const hash = hashBytes(name, dir);
    const slots = this.#index.slots;
    const mask = slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const node = (slots[slot] as number) - 1;
      if (node < 0) return NO_NODE;
      if (this.#hashes.get(node) !== hash || this.#parents.get(node) !== dir) continue;
      if (this.#bytes.equals(this.#names.get(node), name)) return node;
    }
  }

  /**
   * Makes a name in a directory.
   * @throws TypeError where the name is taken, empty, `.`, `..`, has a `/` or NUL, or `dir` is no directory
   * @throws RangeError where it is longer than `MAX_NAME_SIZE`
   */
  add(dir: NodeId, name: ByteString, inode: InodeId): NodeId {
    checkName(name);
    if (!this.isDirectory(dir)) throw new TypeError(`"${this.path(dir)}" is not a directory`);
    if (this.lookup(dir, name) !== NO_NODE) throw new TypeError(`"${name}" is already in "${this.path(dir)}"`);
    const node = this.#nodeCount++;
    this.#names.set(node, this.#bytes.add(name));
    this.#inodeOf.set(node, inode);
    this.#attach(node, dir, name);
    return node;
  }

  /** What the name stands for. */
  inode(node: NodeId): InodeId {
    return this.#inodeOf.get(node);
  }

  /** Lets the name stand for another inode. */
  setInode(node: NodeId, inode: InodeId): void {
    this.#inodeOf.set(node, inode);
  }

  /** The root is its own parent. */
  parent(node: NodeId): NodeId {
    return this.#parents.get(node);
  }

  /** The last part of its path; "" for the root. */
  name(node: NodeId): ByteString {
    return this.#bytes.get(this.#names.get(node));
  }

  /** From the root, without a slash in front: `usr/bin/env`; "" for the root. */
  path(node: NodeId): ByteString {
    const names: ByteString[] = [];
    for (let n = node; n !== FsTree.root; n = this.parent(n)) names.push(this.name(n));
    return names.reverse().join("/");
  }

  /** Takes a node out of the tree, with everything below it. Its inode stays in the table. The root cannot go: TypeError. */
  remove(node: NodeId): void {
    if (node === FsTree.root) throw new TypeError("the root cannot be removed");
    // Deepest first, by always descending to a first child until there is none.
    let n = node;
    for (;;) {
      const child = this.#firstChild.get(n);
      if (child !== 0) {
        n = child - 1;
        continue;
      }
      const parent = this.parent(n);
      this.#detach(n);
      if (n === node) return;
      n = parent;
    }
  }

  /**
   * Hangs a node, with everything below it, into another directory under its old name.
   * @throws TypeError where the name is taken there, or where `newDir` is no directory or lies below the node
   */
  move(node: NodeId, newDir: NodeId): void {
    const name = this.name(node);
    if (!this.isDirectory(newDir)) throw new TypeError(`"${this.path(newDir)}" is not a directory`);
    for (let n = newDir; ; n = this.parent(n)) {
      if (n === node) throw new TypeError(`"${this.path(node)}" cannot move below itself`);
      if (n === FsTree.root) break;
    }
    if (this.lookup(newDir, name) !== NO_NODE) throw new TypeError(`"${name}" is already in "${this.path(newDir)}"`);
    this.#detach(node);
    this.#attach(node, newDir, name);
  }

  /** The names in a directory, in no order. A child may be removed or moved once it was yielded. */
  *children(dir: NodeId): IterableIterator<NodeId> {
    let link = this.#firstChild.get(dir);
    while (link !== 0) {
      const next = this.#nextSibling.get(link - 1);
      yield link - 1;
      link = next;
    }
  }

  /** The names in a directory in bytewise order, as squashfs wants them. */
  sortedChildren(dir: NodeId): Int32Array {
    let count = 0;
    for (let link = this.#firstChild.get(dir); link !== 0; link = this.#nextSibling.get(link - 1)) count++;
    const nodes = new Int32Array(count);
    let at = count;
    for (let link = this.#firstChild.get(dir); link !== 0; link = this.#nextSibling.get(link - 1))
      nodes[--at] = link - 1;
    return nodes.sort((a, b) => this.#bytes.compare(this.#names.get(a), this.#names.get(b)));
  }

  /** Whether its inode is a directory. */
  isDirectory(node: NodeId): boolean {
    return this.inodes.kind(this.inode(node)) === InodeKind.directory;
  }

  /** True where a directory has at least one name; false for the rest. */
  hasChildren(node: NodeId): boolean {
    return this.#firstChild.get(node) !== 0;
  }

  #attach(node: NodeId, dir: NodeId, name: ByteString): void {
    const hash = hashBytes(name, dir);
    const next = this.#firstChild.get(dir);
    this.#parents.set(node, dir);
    this.#hashes.set(node, hash);
    this.#nextSibling.set(node, next);
    this.#previousSibling.set(node, 0);
    if (next !== 0) this.#previousSibling.set(next - 1, node + 1);
    this.#firstChild.set(dir, node + 1);
    this.#index.insert(hash, node);
  }

  #detach(node: NodeId): void {
    const next = this.#nextSibling.get(node);
    const previous = this.#previousSibling.get(node);
    if (next !== 0) this.#previousSibling.set(next - 1, previous);
    if (previous !== 0) this.#nextSibling.set(previous - 1, next);
    else this.#firstChild.set(this.parent(node), next);
    this.#index.delete(this.#hashes.get(node), node);
  }
}

function checkName(name: ByteString): void {
  if (name === "" || name === "." || name === "..") throw new TypeError(`"${name}" is not a name in a directory`);
  if (name.length > MAX_NAME_SIZE) throw new RangeError(`name is ${name.length} bytes, limit ${MAX_NAME_SIZE}`);
  for (let i = 0; i < name.length; i++) {
    const byte = name.charCodeAt(i);
    if (byte === 0x2f || byte === 0) throw new TypeError("a name in a directory has no slash and no NUL");
  }
}
