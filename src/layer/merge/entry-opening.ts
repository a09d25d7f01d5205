import type { ByteString } from "../../bytes/byte-string.ts";
import { type FsTree, NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { EntryKind, type TarEntry } from "../../tar/entry.ts";
import { attributesOf } from "./attributes.ts";
import type { DescentState } from "./descent-state.ts";
import { graft } from "./graft.ts";
import type { HiddenPassages } from "./hidden-entries.ts";
import type { LayerWalk } from "./layer-walk.ts";
import { Flag, type NodeMarks, refuseDroppedWhiteouts } from "./node-marks.ts";
import { ScanNeeded } from "./scan-needed.ts";

/** Decides between an entry and what higher layers, or its own, have at its name. */
export class EntryOpening {
  readonly #state: DescentState;
  readonly #tree: FsTree;
  readonly #marks: NodeMarks;
  readonly #passages: HiddenPassages;
  readonly #walk: LayerWalk;
  readonly #onMoved: (node: NodeId) => void;
  #hasGrafted = false;

  constructor(state: DescentState, walk: LayerWalk, onMoved: (node: NodeId) => void) {
    this.#state = state;
    this.#tree = state.tree;
    this.#marks = state.marks;
    this.#passages = state.passages;
    this.#walk = walk;
    this.#onMoved = onMoved;
  }

  /** Whether names were ever moved to where a symlink of a lower layer leads. */
  get hasGrafted(): boolean {
    return this.#hasGrafted;
  }

  /**
   * Finds or makes the node that an entry shows in, and gives a directory its metadata; NO_NODE where higher
   * layers hide the entry.
   */
  open(dir: NodeId, name: ByteString, full: ByteString, entry: TarEntry): NodeId {
    const marks = this.#marks;
    const layer = this.#state.layer;
    const isDirectory = entry.kind === EntryKind.directory;
    let node = this.#tree.lookup(dir, name);
    if (node === NO_NODE) {
      node = this.#tree.add(
        dir,
        name,
        isDirectory ? this.#tree.inodes.add(attributesOf(entry)) : this.#state.tombstone,
      );
      marks.setBorn(node, layer);
    } else if (this.#tree.isDirectory(node)) {
      if (isDirectory) return this.#openDirectory(node, full, entry);
      if (!this.#replaceDirectory(node, entry)) return NO_NODE;
    } else {
      if (marks.layer(node) > layer) {
        if (isLinkLike(entry) && marks.passageMax(node) > layer)
          throw new ScanNeeded("a hidden symlink was gone through");
        return NO_NODE;
      }
      if (marks.has(node, Flag.followed)) throw new ScanNeeded("a layer replaces a symlink that others go through");
      if (isDirectory || isLinkLike(entry)) refuseDroppedWhiteouts(this.#marks, node);
      this.#walk.forget();
      marks.clear(node, Flag.tombstone);
      if (isDirectory) {
        this.#tree.setInode(node, this.#tree.inodes.add(attributesOf(entry)));
        marks.closeWithSelf(node, layer);
      }
    }
    marks.setLayer(node, layer);
    if (isDirectory || marks.passageMax(node) !== 0) marks.shield(node, layer);
    return node;
  }

  /** An entry for a directory that is in the tree: the topmost gives the metadata, of one layer the last. */
  #openDirectory(node: NodeId, full: ByteString, entry: TarEntry): NodeId {
    const marks = this.#marks;
    const layer = this.#state.layer;
    marks.shield(node, layer);
    if (layer < marks.closedSelf(node)) return NO_NODE;
    marks.clear(node, Flag.virtual);
    if (marks.layer(node) !== 0 && marks.layer(node) !== layer) {
      // Merges with the directory of a higher layer; what lies below is decided name by name.
      this.#passages.shield(full);
      return NO_NODE;
    }
    if (marks.closedSelf(node) === layer && this.#state.hidden.get(full) !== undefined)
      this.#state.hidden.isMixed = true;
    this.#tree.inodes.update(this.#tree.inode(node), attributesOf(entry));
    marks.setLayer(node, layer);
    return node;
  }

  /** A non-directory where the tree has a directory; true where the entry takes its place. */
  #replaceDirectory(node: NodeId, entry: TarEntry): boolean {
    const marks = this.#marks;
    const layer = this.#state.layer;
    const isPassed = marks.passageMax(node) > layer;
    if (layer < marks.closedSelf(node)) {
      if (isLinkLike(entry)) {
        if (isPassed || marks.known(node) === layer)
          throw new ScanNeeded("an upper layer goes through a symlink that is hidden further up");
        marks.raise(node, Flag.hidSymlink);
      }
      marks.shield(node, layer);
      return false;
    }
    if (isLinkLike(entry) && isPassed) {
      this.#graft(node, entry);
      return true;
    }
    if (isLinkLike(entry) && marks.has(node, Flag.virtual) && marks.known(node) === layer) {
      throw new ScanNeeded("a layer has a whiteout and a symlink at one path, below whiteouts of higher layers");
    }
    if (marks.born(node) === layer || marks.has(node, Flag.virtual)) {
      // All below is of this layer, or whiteouts of higher ones that hide nothing now.
      this.#walk.forget();
      this.#dropBelow(node);
      if (marks.has(node, Flag.virtual)) marks.raise(node, Flag.droppedWhiteouts);
      marks.clear(node, Flag.virtual);
      marks.raise(node, Flag.hidPassage);
      return true;
    }
    if (marks.known(node) === layer || marks.passageMin(node) === layer) {
      throw new ScanNeeded("a layer has a directory and something else at one path, below entries of higher layers");
    }
    if (isLinkLike(entry)) marks.raise(node, Flag.hidSymlink);
    marks.closeWithSelf(node, layer);
    marks.shield(node, layer);
    return false;
  }

  #graft(node: NodeId, entry: TarEntry): void {
    const marks = this.#marks;
    const isUntouched =
      marks.layer(node) === 0 && marks.known(node) !== this.#state.layer && marks.passageMin(node) > this.#state.layer;
    const isPlain = entry.kind === EntryKind.symlink && isUntouched;
    if (!isPlain) throw new ScanNeeded("an upper layer replaces a symlink that others go through");
    if (this.#state.demands.hasEver)
      throw new ScanNeeded("hard links were open while paths led through a symlink of a lower layer");
    this.#walk.forget();
    this.#hasGrafted = true;
    graft(node, entry.linkName, {
      tree: this.#tree,
      marks: this.#marks,
      layer: this.#state.layer,
      addImplicit: (dir, name) => this.#state.addImplicit(dir, name),
      onMoved: this.#onMoved,
    });
    this.#marks.setPassages(node, 0, 0);
    this.#marks.raise(node, Flag.followed);
  }

  #dropBelow(dir: NodeId): void {
    const todo = [...this.#tree.children(dir)];
    for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
      if (this.#marks.passageMax(node) !== 0) {
        const path = this.#tree.path(node);
        this.#passages.pass(path, path.length, this.#marks.passageMax(node));
      }
      todo.push(...this.#tree.children(node));
    }
    for (const child of this.#tree.children(dir)) this.#tree.remove(child);
  }
}

/** Symlinks, and hard links, which may be names of symlinks. */
function isLinkLike(entry: TarEntry): boolean {
  return entry.kind === EntryKind.symlink || entry.kind === EntryKind.hardlink;
}
