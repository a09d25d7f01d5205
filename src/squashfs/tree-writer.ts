import { F64Column, U32Column } from "../fstree/columns.ts";
import type { InodeId } from "../fstree/inodes.ts";
import { FsTree, type NodeId } from "../fstree/tree.ts";
import type { Sink } from "../sink/sink.ts";
import type { BlockCodec } from "../wasm/block-codec.ts";
import { DirectoryWriter, type Listing } from "./directory-writer.ts";
import { SquashfsError } from "./errors.ts";
import { EXPORTS_PER_BLOCK, inodeRef, MAX_NAME_SIZE, METADATA_BLOCK_SIZE } from "./format.ts";
import type { InodePlace, InodeWriter } from "./inode-writer.ts";

/** Compressed inodes that gather before they are written. */
const DRAIN_SIZE = 256 * 1024;

/** A directory under way. */
interface Level {
  readonly dir: NodeId;
  /** In bytewise order. */
  readonly children: Int32Array;
  /** Of the children that are directories, in their order. */
  readonly listings: Listing[];
  next: number;
}

/**
 * Writes the inodes and listings of a whole tree. The inodes of a directory's children stand together,
 * after everything below them, in the order of their names; so a listing takes few headers and `ls -l`
 * few blocks. Inode numbers are given on the way down, as an inode names its parent's.
 */
export class TreeWriter {
  readonly #tree: FsTree;
  readonly #inodes: InodeWriter;
  readonly #directories: DirectoryWriter;
  /** Names per inode. */
  readonly #linkCounts = new U32Column();
  /** Per inode, from 1; 0 is none yet. */
  readonly #numbers = new U32Column();
  readonly #inodeCount: number;
  /** Per inode number: block × METADATA_BLOCK_SIZE + offset, plus 1; 0 is not written yet. */
  readonly #places = new F64Column();
  readonly #nextPlace: InodePlace = { number: 0, linkCount: 0, node: FsTree.root };
  #lastNumber = 0;

  constructor(tree: FsTree, inodes: InodeWriter, codec: BlockCodec) {
    this.#tree = tree;
    this.#inodes = inodes;
    this.#directories = new DirectoryWriter(codec);
    this.#inodeCount = this.#countLinks();
  }

  get inodeCount(): number {
    return this.#inodeCount;
  }

  /** Writes the inode table and the directory table behind it; gives the root's inode ref. */
  async write(sink: Sink): Promise<{ readonly rootInode: bigint; readonly directoryTableStart: number }> {
    const { root } = FsTree;
    this.#number(this.#tree.inode(root));
    const listing = await this.#directory(root, sink);
    this.#writeDirectory(root, listing, this.#inodeCount + 1);
    const number = this.#numbers.get(this.#tree.inode(root));
    const { table } = this.#inodes;
    table.flush();
    await table.drain(sink);
    const directoryTableStart = sink.position;
    this.#directories.table.flush();
    await this.#directories.table.drain(sink);
    return { rootInode: this.#ref(number), directoryTableStart };
  }

  /** The export table: inode refs by number, a metadata block at a time. */
  *exports(): Iterable<Uint8Array> {
    for (let first = 1; first <= this.#inodeCount; first += EXPORTS_PER_BLOCK) {
      const count = Math.min(EXPORTS_PER_BLOCK, this.#inodeCount - first + 1);
      const refs = new Uint8Array(8 * count);
      const view = new DataView(refs.buffer);
      for (let i = 0; i < count; i++) {
        // An inode ref in its two words, as a bigint for each of millions takes a third of this table's time.
        const place = this.#places.get(first + i) - 1;
        const block = Math.floor(place / METADATA_BLOCK_SIZE);
        view.setUint32(8 * i, (block << 16) | (place % METADATA_BLOCK_SIZE), true);
        view.setUint32(8 * i + 4, block >>> 16, true);
      }
      yield refs;
    }
  }

  /** Counts the names of every inode, and the inodes that have one. */
  #countLinks(): number {
    const tree = this.#tree;
    let count = 0;
    const stack: NodeId[] = [FsTree.root];
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      const id = tree.inode(node);
      if (this.#linkCounts.get(id) === 0) count++;
      this.#linkCounts.set(id, this.#linkCounts.get(id) + 1);
      if (tree.isDirectory(node)) for (const child of tree.children(node)) stack.push(child);
    }
    return count;
  }

  /** Everything below a directory, then its listing. The stack is our own: a tree may be deeper than the call stack. */
  async #directory(start: NodeId, sink: Sink): Promise<Listing> {
    const stack = [this.#enter(start)];
    for (;;) {
      const level = stack.at(-1) as Level;
      const child = level.children[level.next++];
      if (child !== undefined) {
        if (this.#tree.isDirectory(child)) stack.push(this.#enter(child));
        continue;
      }
      const listing = this.#leave(level);
      if (this.#inodes.table.pendingSize > DRAIN_SIZE) await this.#inodes.table.drain(sink);
      stack.pop();
      const above = stack.at(-1);
      if (above === undefined) return listing;
      above.listings.push(listing);
    }
  }

  #enter(dir: NodeId): Level {
    const children = this.#tree.sortedChildren(dir);
    for (const child of children) this.#number(this.#tree.inode(child));
    return { dir, children, listings: [], next: 0 };
  }

  #leave({ dir, children, listings }: Level): Listing {
    const tree = this.#tree;
    const parent = this.#numbers.get(tree.inode(dir));
    let directory = 0;
    for (const child of children) {
      if (tree.isDirectory(child)) this.#writeDirectory(child, listings[directory++] as Listing, parent);
      else this.#writeFile(child);
    }
    return this.#list(children);
  }

  #number(id: InodeId): void {
    if (this.#numbers.get(id) === 0) this.#numbers.set(id, ++this.#lastNumber);
  }

  #writeFile(node: NodeId): void {
    const id = this.#tree.inode(node);
    const number = this.#numbers.get(id);
    // Another name of a hard link was here before.
    if (this.#places.get(number) !== 0) return;
    this.#inodes.write(id, this.#place(number, this.#linkCounts.get(id), node));
  }

  #writeDirectory(node: NodeId, listing: Listing, parentInode: number): void {
    const id = this.#tree.inode(node);
    const place = this.#place(this.#numbers.get(id), 2 + this.#subdirectoryCount(node), node);
    this.#inodes.directory(id, place, listing, parentInode);
  }

  #subdirectoryCount(node: NodeId): number {
    let count = 0;
    for (const child of this.#tree.children(node)) if (this.#tree.isDirectory(child)) count++;
    return count;
  }

  /** Notes where the next inode, this one, will stand. */
  #place(number: number, linkCount: number, node: NodeId): InodePlace {
    const { blockStart, blockOffset } = this.#inodes.table;
    this.#places.set(number, blockStart * METADATA_BLOCK_SIZE + blockOffset + 1);
    const place = this.#nextPlace;
    place.number = number;
    place.linkCount = linkCount;
    place.node = node;
    return place;
  }

  #list(children: Int32Array): Listing {
    const tree = this.#tree;
    this.#directories.begin();
    for (const node of children) {
      const id = tree.inode(node);
      const number = this.#numbers.get(id);
      const name = tree.name(node);
      if (name.length === 0 || name.length > MAX_NAME_SIZE)
        throw new SquashfsError("NAME_TOO_LONG", { path: tree.path(node), seen: name.length, limit: MAX_NAME_SIZE });
      const place = this.#places.get(number) - 1;
      const block = Math.floor(place / METADATA_BLOCK_SIZE);
      this.#directories.add(name, tree.inodes.kind(id), number, block, place % METADATA_BLOCK_SIZE);
    }
    return this.#directories.end();
  }

  #ref(number: number): bigint {
    const place = this.#places.get(number) - 1;
    return inodeRef(Math.floor(place / METADATA_BLOCK_SIZE), place % METADATA_BLOCK_SIZE);
  }
}
