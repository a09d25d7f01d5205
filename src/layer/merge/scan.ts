import type { ByteString } from "../../bytes/byte-string.ts";
import { U32Column } from "../../fstree/columns.ts";
import { type InodeId, InodeKind } from "../../fstree/inodes.ts";
import { MAX_SYMLINK_HOPS } from "../../fstree/limits.ts";
import { FsTree, NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { EntryKind, type TarEntry } from "../../tar/entry.ts";
import { entryRole, WHITEOUT_PREFIX } from "../whiteout.ts";
import { attributesOf, checkSymlink, implicitDirectory } from "./attributes.ts";
import { nameOf, normalizePath, parentOf } from "./entry-path.ts";
import { MergeError } from "./errors.ts";
import { Origins } from "./origins.ts";
import { PendingLinks } from "./pending-links.ts";

interface LateLink {
  readonly placeholder: InodeId;
  readonly target: ByteString;
}

/** Where a path leads: names from the root, and the directory at each, {@link NO_NODE} where there is none (yet). */
interface Place {
  readonly names: ByteString[];
  readonly dirs: NodeId[];
}

/**
 * Applies layers from the bottom up to a tree, headers only: the plain meaning of an image, symlinks and all.
 * The merge from the top down falls back on it for images it cannot decide in one pass. Contents are fetched
 * afterwards, by `origins`.
 */
export class LayerScan {
  readonly tree: FsTree;
  readonly origins: Origins = new Origins();
  readonly #implicitMtimeSec: number;
  readonly #pending: PendingLinks;
  /** The last layer that made a node or went through it; whiteouts of that layer leave it alone. */
  readonly #touched = new U32Column();
  /** The layer that gave a directory its metadata; 0 for implicit ones. */
  readonly #explicit = new U32Column();
  #layer = 0;
  #name = "";
  #late: LateLink[] = [];
  /** AUFS's own files of this layer: no part of the tree, but hard links may point at them. */
  #plumbing = new Map<ByteString, InodeId>();

  constructor(implicitMtimeSec: number) {
    this.#implicitMtimeSec = implicitMtimeSec;
    this.tree = new FsTree(implicitDirectory(implicitMtimeSec));
    this.#pending = new PendingLinks(this.tree);
  }

  /** The layer that decided what a node is; 0 for directories without an entry. */
  decidingLayer(node: NodeId): number {
    return this.tree.isDirectory(node) ? this.#explicit.get(node) : this.#touched.get(node);
  }

  beginLayer(name: string): void {
    this.#layer++;
    this.#name = name;
  }

  /** Applies one entry. `order` is its place in its layer. */
  apply(entry: TarEntry, order: number): void {
    const path = normalizePath(entry.path, this.#name);
    const role = entryRole(path);
    if (role === "plumbing") {
      this.#plumbing.set(path, this.#inodeFor(entry, path, order));
    } else if (role !== "plain") {
      this.#applyWhiteout(path, role === "opaque");
    } else if (path === "") {
      this.#applyRoot(entry);
    } else if (entry.kind === EntryKind.directory) {
      this.#applyDirectory(entry, path);
    } else {
      this.#place(path, this.#inodeFor(entry, path, order));
    }
  }

  /** Binds links that stood before their targets. */
  endLayer(): void {
    for (let before = -1; before !== this.#late.length; ) {
      before = this.#late.length;
      this.#late = this.#late.filter((late) => !this.#bindLate(late));
    }
    this.#late = [];
    this.#plumbing = new Map();
  }

  /** The whole tree. @throws MergeError for a hard link in it that leads nowhere */
  finish(): void {
    this.#pending.settle();
  }

  #applyRoot(entry: TarEntry): void {
    if (entry.kind !== EntryKind.directory) {
      throw new MergeError("ROOT_NOT_A_DIRECTORY", { path: entry.path, layer: this.#name, kind: entry.kind });
    }
    this.tree.inodes.update(this.tree.inode(FsTree.root), attributesOf(entry));
    this.#explicit.set(FsTree.root, this.#layer);
  }

  #applyDirectory(entry: TarEntry, path: ByteString): void {
    const dir = this.#makeDirectories(this.#locate(parentOf(path)));
    const name = nameOf(path);
    let node = this.tree.lookup(dir, name);
    if (node === NO_NODE) node = this.tree.add(dir, name, this.tree.inodes.add(attributesOf(entry)));
    else if (this.tree.isDirectory(node)) this.tree.inodes.update(this.tree.inode(node), attributesOf(entry));
    else this.tree.setInode(node, this.tree.inodes.add(attributesOf(entry)));
    this.#touched.set(node, this.#layer);
    this.#explicit.set(node, this.#layer);
  }

  /** Puts anything but a directory at a path, in the place of what is there. */
  #place(path: ByteString, inode: InodeId): void {
    const dir = this.#makeDirectories(this.#locate(parentOf(path)));
    const name = nameOf(path);
    let node = this.tree.lookup(dir, name);
    if (node === NO_NODE) {
      node = this.tree.add(dir, name, inode);
    } else {
      for (const child of this.tree.children(node)) this.tree.remove(child);
      this.tree.setInode(node, inode);
    }
    this.#touched.set(node, this.#layer);
    this.#explicit.set(node, 0);
  }

  #inodeFor(entry: TarEntry, path: ByteString, order: number): InodeId {
    if (entry.kind === EntryKind.hardlink) return this.#linkTarget(entry, path);
    if (entry.kind === EntryKind.symlink) checkSymlink(entry, this.#name);
    const inode = this.tree.inodes.add(attributesOf(entry));
    this.origins.set(inode, this.#layer, order);
    return inode;
  }

  #linkTarget(entry: TarEntry, path: ByteString): InodeId {
    const target = normalizePath(entry.linkName, this.#name);
    const inode = this.#find(target);
    if (inode !== undefined && this.tree.inodes.kind(inode) !== InodeKind.directory) return inode;
    const placeholder = this.#pending.add(path, target, this.#name);
    if (inode !== undefined) this.#pending.fail(placeholder, "HARD_LINK_TO_DIRECTORY");
    else this.#late.push({ placeholder, target });
    return placeholder;
  }

  /** The inode that a hard link's target has now; a symlink at the end is not followed. */
  #find(target: ByteString): InodeId | undefined {
    if (entryRole(target) !== "plain") return this.#plumbing.get(target);
    if (target === "") return this.tree.inode(FsTree.root);
    const place = this.#locate(parentOf(target), "stop");
    const dir = place === undefined ? NO_NODE : (place.dirs.at(-1) ?? FsTree.root);
    const node = dir === NO_NODE ? NO_NODE : this.tree.lookup(dir, nameOf(target));
    return node === NO_NODE ? undefined : this.#pending.follow(this.tree.inode(node));
  }

  #bindLate({ placeholder, target }: LateLink): boolean {
    const inode = this.#find(target);
    if (inode === undefined || this.#pending.isOpen(inode)) return false;
    if (this.tree.inodes.kind(inode) === InodeKind.directory) this.#pending.fail(placeholder, "HARD_LINK_TO_DIRECTORY");
    else this.#pending.bind(placeholder, inode);
    return true;
  }

  #applyWhiteout(path: ByteString, isOpaque: boolean): void {
    const place = this.#locate(parentOf(path)) as Place;
    const dir = place.dirs.at(-1) ?? FsTree.root;
    if (isOpaque) {
      if (dir !== NO_NODE) for (const child of this.tree.children(dir)) this.#removeLower(child);
      return;
    }
    const name = nameOf(path).slice(WHITEOUT_PREFIX.length);
    if (name === "" || name === "." || name === "..") {
      throw new MergeError("MALFORMED_WHITEOUT", { path, layer: this.#name });
    }
    const node = dir === NO_NODE ? NO_NODE : this.tree.lookup(dir, name);
    if (node !== NO_NODE) this.#removeLower(node);
  }

  /** Takes away what layers below made; a directory that this layer went through without an entry starts anew. */
  #removeLower(start: NodeId): void {
    const todo = [start];
    for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
      if (this.#touched.get(node) !== this.#layer) {
        this.tree.remove(node);
        continue;
      }
      if (!this.tree.isDirectory(node)) continue;
      todo.push(...this.tree.children(node));
      if (this.#explicit.get(node) === this.#layer) continue;
      this.#explicit.set(node, 0);
      this.tree.inodes.update(this.tree.inode(node), implicitDirectory(this.#implicitMtimeSec));
    }
  }

  #makeDirectories({ names, dirs }: Place): NodeId {
    let dir: NodeId = FsTree.root;
    for (const [i, name] of names.entries()) {
      let node = dirs[i] as NodeId;
      if (node === NO_NODE) node = this.#makeDirectory(dir, name);
      this.#touched.set(node, this.#layer);
      dir = node;
    }
    return dir;
  }

  #makeDirectory(dir: NodeId, name: ByteString): NodeId {
    const inode = this.tree.inodes.add(implicitDirectory(this.#implicitMtimeSec));
    const node = this.tree.lookup(dir, name);
    if (node === NO_NODE) return this.tree.add(dir, name, inode);
    this.tree.setInode(node, inode);
    this.#explicit.set(node, 0);
    return node;
  }

  /** Walks a directory path, symlinks followed inside the root. A loop is an error, or `undefined` for "stop". */
  #locate(path: ByteString): Place;
  #locate(path: ByteString, onLoop: "stop"): Place | undefined;
  #locate(path: ByteString, onLoop?: "stop"): Place | undefined {
    const names: ByteString[] = [];
    const dirs: NodeId[] = [];
    const todo = path.split("/").reverse();
    let hops = 0;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        names.pop();
        dirs.pop();
        continue;
      }
      const dir = dirs.at(-1) ?? FsTree.root;
      const node = dir === NO_NODE ? NO_NODE : this.tree.lookup(dir, name);
      const inode = node === NO_NODE ? -1 : this.#pending.follow(this.tree.inode(node));
      if (node !== NO_NODE && this.tree.inodes.kind(inode) === InodeKind.symlink) {
        if (++hops > MAX_SYMLINK_HOPS) {
          if (onLoop === "stop") return undefined;
          throw new MergeError("SYMLINK_LOOP", { path, layer: this.#name, limit: MAX_SYMLINK_HOPS });
        }
        const target = this.tree.inodes.target(inode);
        if (target.startsWith("/")) names.length = dirs.length = 0;
        todo.push(...target.split("/").reverse());
        continue;
      }
      names.push(name);
      dirs.push(node !== NO_NODE && this.tree.inodes.kind(inode) === InodeKind.directory ? node : NO_NODE);
    }
    return { names, dirs };
  }
}
