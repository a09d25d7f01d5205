import type { ByteString } from "../../bytes/byte-string.ts";
import type { InodeId } from "../../fstree/inodes.ts";
import { FsTree, NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { EntryKind, type TarEntry } from "../../tar/entry.ts";
import { entryRole, WHITEOUT_PREFIX } from "../whiteout.ts";
import { attributesOf, checkSymlink } from "./attributes.ts";
import { DescentState } from "./descent-state.ts";
import { EntryOpening } from "./entry-opening.ts";
import { joinPath, nameOf, normalizePath, parentOf } from "./entry-path.ts";
import { MergeError } from "./errors.ts";
import { HiddenKind } from "./hidden-entries.ts";
import type { LinkTarget } from "./hidden-links.ts";
import { HIDDEN_DIR, LayerWalk } from "./layer-walk.ts";
import { LinkBinder } from "./link-binder.ts";
import { LinkResolver } from "./link-resolver.ts";
import { Flag } from "./node-marks.ts";
import type { Origins } from "./origins.ts";
import { ScanNeeded } from "./scan-needed.ts";

/** What is to be done with an entry's bytes. */
export interface Verdict {
  /** The inode that takes the entry's content; undefined where its bytes are skipped. */
  readonly inode: InodeId | undefined;
  /** Its path in the tree; undefined where only hard links elsewhere have the inode. */
  readonly path: ByteString | undefined;
  readonly isHidden: boolean;
}

const HIDDEN: Verdict = { inode: undefined, path: undefined, isHidden: true };
const SHOWN: Verdict = { inode: undefined, path: undefined, isHidden: false };

/**
 * Layers from the top one down: every entry is decided when it comes, from what higher layers left in the
 * tree. The rules are those of ARCHITECTURE.md, "The merge"; NodeMarks says what is noted per node.
 */
export class LayerDescent {
  readonly #state: DescentState;
  readonly #walk: LayerWalk;
  readonly #opening: EntryOpening;
  readonly #links: LinkResolver;
  readonly #binder: LinkBinder;
  readonly #onMoved: (node: NodeId) => void;
  readonly #tombstones: NodeId[] = [];

  /**
   * @param layerCount layers in all; they are to come highest first
   * @param onMoved called for nodes whose path changed after they were made
   */
  constructor(layerCount: number, implicitMtimeSec: number, onMoved: (node: NodeId) => void) {
    this.#state = new DescentState(layerCount, implicitMtimeSec);
    this.#walk = new LayerWalk(this.#state);
    this.#opening = new EntryOpening(this.#state, this.#walk, onMoved);
    this.#links = new LinkResolver(this.#state);
    this.#binder = new LinkBinder(this.#state, this.#links);
    this.#onMoved = onMoved;
  }

  get tree(): FsTree {
    return this.#state.tree;
  }

  get origins(): Origins {
    return this.#state.origins;
  }

  beginLayer(name: string): void {
    this.#state.beginLayer(name);
    this.#binder.beginLayer();
    this.#walk.forget();
  }

  /**
   * Decides one entry; `order` is its place in its layer.
   * @throws MergeError for entries that no layer may have
   * @throws ScanNeeded where the layers below would have to be known
   */
  apply(entry: TarEntry, order: number): Verdict {
    const { tree, demands, name: layerName } = this.#state;
    this.#state.order = order;
    const path = normalizePath(entry.path, layerName);
    const role = entryRole(path);
    if (role === "plumbing") return this.#hide(entry, path);
    if (role !== "plain") return this.#applyWhiteout(path, role === "opaque");
    if (path === "") return this.#applyRoot(entry);
    if (entry.kind === EntryKind.symlink) checkSymlink(entry, layerName);
    // A link's target is what is there before the link's own path changes anything.
    const target = this.#targetOf(entry);
    const [parent, last] = [parentOf(path), nameOf(path)];
    const dir = this.#walk.to(parent, true);
    const full = this.#walk.canonical === parent ? path : joinPath(this.#walk.canonical, last);
    const isDemanded = demands.isActive && demands.meet(full, hiddenKindOf(entry));
    const node = dir === HIDDEN_DIR ? NO_NODE : this.#opening.open(dir, last, full, entry);
    if (node === NO_NODE) return this.#applyHidden(entry, full, target, isDemanded);
    if (entry.kind === EntryKind.directory) return SHOWN;
    const inode =
      target === undefined
        ? this.#state.addInode(entry)
        : this.#binder.bind(target, full, normalizePath(entry.linkName, layerName));
    tree.setInode(node, inode);
    if (isDemanded) demands.offer(full, inode);
    if (target !== undefined) this.#onMoved(node);
    return entry.kind === EntryKind.file ? { inode, path: full, isHidden: false } : SHOWN;
  }

  /** Ends a layer; gives the entries, by place, that have to be read again, each for an inode. */
  endLayer(): ReadonlyMap<number, InodeId> {
    const rescues = this.#binder.endLayer();
    this.#state.passages.endLayer(this.#state.layer);
    return rescues;
  }

  /** Fills in what was read again: an entry that `endLayer` asked for. */
  fillRescued(inode: InodeId, entry: TarEntry, order: number): void {
    this.tree.inodes.update(inode, attributesOf(entry));
    this.origins.set(inode, this.#state.layer, order);
  }

  /** The tree, without marks. @throws MergeError for a hard link in it that leads nowhere */
  finish(): void {
    const { demands, marks, pending } = this.#state;
    demands.finish();
    for (const node of this.#tombstones) if (marks.has(node, Flag.tombstone)) this.#drop(node);
    for (const node of this.#walk.virtuals) if (marks.has(node, Flag.virtual)) this.#drop(node);
    try {
      pending.settle();
    } catch (error) {
      if (this.#opening.hasGrafted) throw new ScanNeeded("a hard link seems to lead nowhere");
      throw error;
    }
  }

  /** Gives back the memory of everything but the tree, which is as large as the tree. */
  free(): void {
    this.#state.marks.free();
    this.origins.free();
  }

  /** The layer that decided what a node is; 0 for directories without an entry. */
  decidingLayer(node: NodeId): number {
    return this.#state.marks.layer(node);
  }

  isLive(node: NodeId): boolean {
    return node === FsTree.root || this.tree.lookup(this.tree.parent(node), this.tree.name(node)) === node;
  }

  #drop(node: NodeId): void {
    if (this.isLive(node)) this.tree.remove(node);
  }

  #targetOf(entry: TarEntry): LinkTarget | undefined {
    if (entry.kind !== EntryKind.hardlink) return undefined;
    return this.#links.resolve(normalizePath(entry.linkName, this.#state.name));
  }

  #applyRoot(entry: TarEntry): Verdict {
    const { tree, marks, layer, name } = this.#state;
    if (entry.kind !== EntryKind.directory) {
      throw new MergeError("ROOT_NOT_A_DIRECTORY", { path: entry.path, layer: name, kind: entry.kind });
    }
    const isFirst = marks.layer(FsTree.root) === 0 || marks.layer(FsTree.root) === layer;
    if (!isFirst) return HIDDEN;
    tree.inodes.update(tree.inode(FsTree.root), attributesOf(entry));
    marks.setLayer(FsTree.root, layer);
    return SHOWN;
  }

  #applyHidden(entry: TarEntry, full: ByteString, target: LinkTarget | undefined, isDemanded: boolean): Verdict {
    const { passages, demands, layer, name, order } = this.#state;
    const kind = hiddenKindOf(entry);
    if (kind === HiddenKind.symlink || kind === HiddenKind.hardlink) {
      passages.checkSymlink(full, layer);
      this.#checkHiddenSymlink(full);
      this.#walk.forget();
    }
    passages.shield(full);
    this.#noteHidden(full, kind, target);
    if (!isDemanded) return HIDDEN;
    if (target !== undefined) {
      demands.offer(full, this.#binder.bind(target, full, normalizePath(entry.linkName, name)));
      return HIDDEN;
    }
    const inode = this.#state.addInode(entry);
    this.#binder.take(order, inode);
    demands.offer(full, inode);
    return entry.kind === EntryKind.file ? { inode, path: undefined, isHidden: true } : HIDDEN;
  }

  /**
   * A hidden symlink may stand where paths of higher layers went through, if a whiteout above it came after
   * those in the same layer.
   */
  #checkHiddenSymlink(full: ByteString): void {
    const marks = this.#state.marks;
    let node: NodeId = FsTree.root;
    let closed = marks.closed(node);
    for (const name of full.split("/")) {
      closed = Math.max(closed, marks.closed(node));
      node = this.tree.lookup(node, name);
      if (node === NO_NODE) return;
    }
    closed = Math.max(closed, marks.closedSelf(node));
    if (marks.passageMax(node) > this.#state.layer && closed >= marks.passageMin(node)) {
      throw new ScanNeeded("an upper layer goes through a symlink that is hidden further up");
    }
  }

  /** AUFS's own files: in no tree, but links of the layer may point at them. */
  #hide(entry: TarEntry, path: ByteString): Verdict {
    this.#noteHidden(path, hiddenKindOf(entry), this.#targetOf(entry));
    return HIDDEN;
  }

  #noteHidden(path: ByteString, kind: HiddenKind, target: LinkTarget | undefined): void {
    const { hidden, hiddenLinks, order } = this.#state;
    hidden.add(path, kind, order, target === undefined ? 0 : hiddenLinks.add(target));
  }

  #applyWhiteout(path: ByteString, isOpaque: boolean): Verdict {
    const name = nameOf(path).slice(WHITEOUT_PREFIX.length);
    if (!isOpaque && (name === "" || name === "." || name === "..")) {
      throw new MergeError("MALFORMED_WHITEOUT", { path, layer: this.#state.name });
    }
    const { tree, marks, demands, layer } = this.#state;
    const dir = this.#walk.to(parentOf(path), false);
    const parent = this.#walk.canonical;
    if (demands.isActive) {
      if (isOpaque) demands.meetOpaque(parent);
      else demands.meet(joinPath(parent, name), HiddenKind.whiteout);
    }
    if (dir === HIDDEN_DIR) return this.#hideWhiteout(joinPath(parent, isOpaque ? nameOf(path) : name));
    if (isOpaque) {
      marks.close(dir, layer);
      return SHOWN;
    }
    const node = tree.lookup(dir, name);
    if (node === NO_NODE) {
      const tombstone = tree.add(dir, name, this.#state.tombstone);
      marks.setBorn(tombstone, layer);
      marks.setLayer(tombstone, layer);
      marks.raise(tombstone, Flag.tombstone);
      this.#tombstones.push(tombstone);
      return SHOWN;
    }
    if (!tree.isDirectory(node)) {
      if (marks.layer(node) === layer) return SHOWN;
    } else {
      const isHidden = layer < marks.closedSelf(node);
      marks.shield(node, layer);
      marks.closeWithSelf(node, layer);
      if (!isHidden && marks.born(node) === layer) return SHOWN;
    }
    return this.#hideWhiteout(joinPath(parent, name));
  }

  #hideWhiteout(path: ByteString): Verdict {
    this.#state.passages.shield(path);
    this.#state.hidden.add(path, HiddenKind.whiteout, this.#state.order);
    return HIDDEN;
  }
}

function hiddenKindOf(entry: TarEntry): HiddenKind {
  if (entry.kind === EntryKind.directory) return HiddenKind.directory;
  if (entry.kind === EntryKind.symlink) return HiddenKind.symlink;
  return entry.kind === EntryKind.hardlink ? HiddenKind.hardlink : HiddenKind.other;
}
