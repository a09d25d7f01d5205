import type { ByteString } from "../../bytes/byte-string.ts";
import { type InodeId, InodeKind } from "../../fstree/inodes.ts";
import { MAX_SYMLINK_HOPS } from "../../fstree/limits.ts";
import { FsTree, NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { EntryKind, type TarEntry } from "../../tar/entry.ts";
import { entryRole, WHITEOUT_PREFIX } from "../whiteout.ts";
import { attributesOf, checkSymlink, implicitDirectory } from "./attributes.ts";
import { Demands } from "./demands.ts";
import { joinPath, nameOf, normalizePath, parentOf } from "./entry-path.ts";
import { MergeError } from "./errors.ts";
import { graft } from "./graft.ts";
import { HiddenEntries, HiddenKind, HiddenPassages, refuseHiddenSymlink } from "./hidden-entries.ts";
import { HiddenLinks, type LinkTarget } from "./hidden-links.ts";
import { LinkResolver } from "./link-resolver.ts";
import { Flag, NodeMarks } from "./node-marks.ts";
import { Origins } from "./origins.ts";
import { PendingLinks } from "./pending-links.ts";
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

/** What walking to a directory gave, where it is hidden. */
const HIDDEN_DIR = -2;

/**
 * Layers from the top one down: every entry is decided when it comes, from what higher layers left in the
 * tree. The rules are those of ARCHITECTURE.md, "The merge"; NodeMarks says what is noted per node.
 */
export class LayerDescent {
  readonly tree: FsTree;
  readonly origins: Origins = new Origins();
  readonly #marks = new NodeMarks();
  readonly #implicitMtimeSec: number;
  readonly #pending: PendingLinks;
  readonly #demands: Demands;
  readonly #passages = new HiddenPassages();
  readonly #links: LinkResolver;
  readonly #onMoved: (node: NodeId) => void;
  /** Shared by all tombstones; no part of the tree in the end. */
  readonly #tombstone: InodeId;
  readonly #tombstones: NodeId[] = [];
  readonly #virtuals: NodeId[] = [];
  #hasGrafted = false;

  /** The current layer: number, digest, place in its tar. */
  #layer: number;
  #name = "";
  #order = 0;
  #hidden = new HiddenEntries();
  #hiddenLinks = new HiddenLinks();
  /** Links of this layer whose target was gone at their moment; tried again at its end. */
  #late: { readonly placeholder: InodeId; readonly target: ByteString }[] = [];
  /** Inodes of hidden entries of this layer by place: taken as they came, or to be rescued. */
  #taken = new Map<number, InodeId>();
  #rescues = new Map<number, InodeId>();

  /** The directory that the last walk ended in, with its path; parents come in runs. */
  #lastParent: ByteString | undefined;
  #lastDir: NodeId = NO_NODE;
  #lastReal = false;
  /** Path, by real directories, of what the last walk led to. */
  #canonical: ByteString = "";
  #lastHiddenParent: ByteString | undefined;
  #lastHiddenCanonical: ByteString = "";
  #lastHiddenReal = false;

  /**
   * @param layerCount layers in all; they are to come highest first
   * @param onMoved called for nodes whose path changed after they were made
   */
  constructor(layerCount: number, implicitMtimeSec: number, onMoved: (node: NodeId) => void) {
    this.#layer = layerCount + 1;
    this.#implicitMtimeSec = implicitMtimeSec;
    this.#onMoved = onMoved;
    this.tree = new FsTree(implicitDirectory(implicitMtimeSec));
    this.#pending = new PendingLinks(this.tree);
    this.#demands = new Demands(this.#pending);
    this.#links = new LinkResolver(this.tree, this.#marks, this.#pending, this.#passages);
    this.#tombstone = this.tree.inodes.add({ kind: InodeKind.fifo, mode: 0, uid: 0, gid: 0, mtimeSec: 0 });
  }

  beginLayer(name: string): void {
    this.#layer--;
    this.#name = name;
    this.#hidden = new HiddenEntries();
    this.#hiddenLinks = new HiddenLinks();
    this.#links.beginLayer(this.#layer, this.#hidden, this.#hiddenLinks);
    this.#taken = new Map();
    this.#rescues = new Map();
    this.#late = [];
    this.#forgetWalk();
  }

  /**
   * Decides one entry; `order` is its place in its layer.
   * @throws MergeError for entries that no layer may have
   * @throws ScanNeeded where the layers below would have to be known
   */
  apply(entry: TarEntry, order: number): Verdict {
    this.#order = order;
    const path = normalizePath(entry.path, this.#name);
    const role = entryRole(path);
    if (role === "plumbing") return this.#hide(entry, path);
    if (role !== "plain") return this.#applyWhiteout(path, role === "opaque");
    if (path === "") return this.#applyRoot(entry);
    if (entry.kind === EntryKind.symlink) checkSymlink(entry, this.#name);
    // A link's target is what is there before the link's own path changes anything.
    const target =
      entry.kind === EntryKind.hardlink ? this.#links.resolve(normalizePath(entry.linkName, this.#name)) : undefined;
    const dir = this.#walk(parentOf(path), true);
    const full = joinPath(this.#canonical, nameOf(path));
    const isDemanded = this.#demands.isActive && this.#demands.meet(full, hiddenKindOf(entry));
    const node = dir === HIDDEN_DIR ? NO_NODE : this.#open(dir, nameOf(path), full, entry);
    if (node === NO_NODE) return this.#applyHidden(entry, full, target, isDemanded);
    if (entry.kind === EntryKind.directory) return SHOWN;
    const inode =
      target === undefined
        ? this.#newInode(entry)
        : this.#bind(target, full, normalizePath(entry.linkName, this.#name));
    this.tree.setInode(node, inode);
    if (isDemanded) this.#demands.offer(full, inode);
    if (target !== undefined) this.#onMoved(node);
    return entry.kind === EntryKind.file ? { inode, path: full, isHidden: false } : SHOWN;
  }

  /** Ends a layer; gives the entries, by place, that have to be read again, each for an inode. */
  endLayer(): ReadonlyMap<number, InodeId> {
    for (const { placeholder, target } of this.#late) this.#bindLate(placeholder, target);
    for (const demand of this.#demands.fresh) {
      const own = this.#links.resolve(demand.text);
      if (own.kind === "inode" && !this.#pending.isOpen(own.inode)) demand.fallback = own.inode;
      else if (own.kind === "below") demand.needsScan = own.path !== demand.target;
      else if (own.kind !== "missing") demand.needsScan = true;
    }
    this.#demands.endLayer();
    this.#passages.endLayer(this.#layer);
    for (const [order, inode] of this.#rescues) this.#pending.bind(this.#taken.get(order) as InodeId, inode);
    return this.#rescues;
  }

  /** Fills in what was read again: an entry that `endLayer` asked for. */
  fillRescued(inode: InodeId, entry: TarEntry, order: number): void {
    this.tree.inodes.update(inode, attributesOf(entry));
    this.origins.set(inode, this.#layer, order);
  }

  /** The tree, without marks. @throws MergeError for a hard link in it that leads nowhere */
  finish(): void {
    this.#demands.finish();
    for (const node of this.#tombstones) if (this.#marks.has(node, Flag.tombstone)) this.#drop(node);
    for (const node of this.#virtuals) if (this.#marks.has(node, Flag.virtual)) this.#drop(node);
    try {
      this.#pending.settle();
    } catch (error) {
      if (this.#hasGrafted) throw new ScanNeeded("a hard link seems to lead nowhere");
      throw error;
    }
  }

  /** Gives back the memory of everything but the tree, which is as large as the tree. */
  free(): void {
    this.#marks.free();
    this.origins.free();
  }

  /** The layer that decided what a node is; 0 for directories without an entry. */
  decidingLayer(node: NodeId): number {
    return this.#marks.layer(node);
  }

  isLive(node: NodeId): boolean {
    return node === FsTree.root || this.tree.lookup(this.tree.parent(node), this.tree.name(node)) === node;
  }

  #drop(node: NodeId): void {
    if (this.isLive(node)) this.tree.remove(node);
  }

  #forgetWalk(): void {
    this.#lastParent = undefined;
    this.#lastHiddenParent = undefined;
  }

  #applyRoot(entry: TarEntry): Verdict {
    if (entry.kind !== EntryKind.directory) {
      throw new MergeError("ROOT_NOT_A_DIRECTORY", { path: entry.path, layer: this.#name, kind: entry.kind });
    }
    const isFirst = this.#marks.layer(FsTree.root) === 0 || this.#marks.layer(FsTree.root) === this.#layer;
    if (!isFirst) return HIDDEN;
    this.tree.inodes.update(this.tree.inode(FsTree.root), attributesOf(entry));
    this.#marks.setLayer(FsTree.root, this.#layer);
    return SHOWN;
  }

  #newInode(entry: TarEntry): InodeId {
    const inode = this.tree.inodes.add(attributesOf(entry));
    this.origins.set(inode, this.#layer, this.#order);
    return inode;
  }

  #addImplicit(dir: NodeId, name: ByteString): NodeId {
    const node = this.tree.add(dir, name, this.tree.inodes.add(implicitDirectory(this.#implicitMtimeSec)));
    this.#marks.setBorn(node, this.#layer);
    return node;
  }

  // --- Walking -------------------------------------------------------------------------------------------

  /**
   * Walks to an entry's directory as the current layer sees it at this moment; makes implicit directories.
   * Leaves the directory's path in `#canonical`.
   * @param isReal false for whiteouts, which make no directories
   * @returns the directory, or HIDDEN_DIR
   */
  #walk(parent: ByteString, isReal: boolean): NodeId {
    if (parent === this.#lastParent && (this.#lastReal || !isReal)) {
      this.#canonical = parent;
      return this.#closedDir(this.#lastDir);
    }
    if (parent === this.#lastHiddenParent && (this.#lastHiddenReal || !isReal)) {
      this.#canonical = this.#lastHiddenCanonical;
      return HIDDEN_DIR;
    }
    const marks = this.#marks;
    const layer = this.#layer;
    const todo = parent === "" ? [] : parent.split("/").reverse();
    let dir: NodeId = FsTree.root;
    let path: ByteString = "";
    let hops = 0;
    // Below a directory that this very layer has closed, no symlink of a lower layer can be met.
    let isClosed = marks.closed(dir) === layer;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        dir = this.tree.parent(dir);
        path = parentOf(path);
        isClosed = this.#links.isClosedHere(dir);
        continue;
      }
      if (layer < marks.closed(dir))
        return this.#passHidden(dir, path, name, todo, hops === 0 ? parent : undefined, isReal);
      let node = this.tree.lookup(dir, name);
      if (node === NO_NODE) {
        if (hops > 0 && todo.includes("..")) throw new ScanNeeded("a symlink leads out of a missing directory");
        node = this.#addImplicit(dir, name);
        if (!isClosed) marks.pass(node, layer);
        if (!isReal) this.#makeVirtual(node);
      } else if (!this.tree.isDirectory(node)) {
        if (marks.layer(node) > layer)
          return this.#passHidden(node, path, name, todo, hops === 0 ? parent : undefined, isReal);
        const inode = this.tree.inode(node);
        if (this.#pending.isOpen(inode)) throw new ScanNeeded("a path goes through a hard link that is not bound yet");
        if (this.tree.inodes.kind(inode) === InodeKind.symlink) {
          // Names of one directory may be seen under two paths here, so the loop may not be real.
          if (++hops > MAX_SYMLINK_HOPS) throw new ScanNeeded("symlinks form a loop");
          const target = this.tree.inodes.target(inode);
          if (target.startsWith("/")) {
            dir = FsTree.root;
            path = "";
            isClosed = marks.closed(dir) === layer;
          }
          todo.push(...target.split("/").reverse());
          continue;
        }
        // A whiteout, a file … of this very layer. Whiteouts below it find nothing of lower layers.
        if (!isReal) return this.#passHidden(node, path, name, todo, undefined, isReal);
        if (hops > 0 && todo.includes("..")) throw new ScanNeeded("a symlink leads out of a missing directory");
        this.#becomeDirectory(node);
      } else {
        if (layer < marks.closedSelf(node)) {
          return this.#passHidden(node, path, name, todo, hops === 0 ? parent : undefined, isReal);
        }
        if (marks.has(node, Flag.hidSymlink)) refuseHiddenSymlink(this.#hidden, joinPath(path, name));
        if (!isClosed) marks.pass(node, layer);
        else if (isReal) marks.know(node, layer);
        if (isReal) {
          if (hops > 0 && marks.has(node, Flag.virtual) && todo.includes("..")) {
            throw new ScanNeeded("a symlink leads out of a directory that may be missing");
          }
          marks.clear(node, Flag.virtual);
          // What stood here in this layer, a hidden file, is a directory now.
          if (marks.closedSelf(node) === layer && this.#hidden.get(joinPath(path, name)) !== undefined)
            this.#hidden.isMixed = true;
        }
      }
      dir = node;
      path = joinPath(path, name);
      isClosed ||= marks.closed(dir) === layer;
    }
    this.#canonical = path;
    if (hops === 0) {
      this.#lastParent = parent;
      this.#lastDir = dir;
      this.#lastReal = isReal;
    }
    return this.#closedDir(dir);
  }

  #closedDir(dir: NodeId): NodeId {
    return this.#layer < this.#marks.closed(dir) ? HIDDEN_DIR : dir;
  }

  /** A whiteout or a non-directory of the current layer turns into an implicit directory. */
  #becomeDirectory(node: NodeId): void {
    this.#refuseDroppedWhiteouts(node);
    this.tree.setInode(node, this.tree.inodes.add(implicitDirectory(this.#implicitMtimeSec)));
    this.#marks.clear(node, Flag.tombstone);
    this.#marks.setLayer(node, 0);
    this.#marks.closeWithSelf(node, this.#layer);
    this.#marks.shield(node, this.#layer);
  }

  #refuseDroppedWhiteouts(node: NodeId): void {
    if (this.#marks.has(node, Flag.droppedWhiteouts))
      throw new ScanNeeded("a layer has something else and a directory at one path");
  }

  #makeVirtual(node: NodeId): void {
    this.#marks.raise(node, Flag.virtual);
    this.#virtuals.push(node);
  }

  /** A path goes on below what higher layers decided, from `name` in `path` on. Notes where it went through. */
  #passHidden(
    at: NodeId,
    path: ByteString,
    name: ByteString,
    todo: ByteString[],
    plainParent: ByteString | undefined,
    isReal: boolean,
  ): NodeId {
    const rest = [name, ...todo.reverse()].filter((n) => n !== "" && n !== ".");
    if (rest.includes("..")) throw new ScanNeeded("a symlink leads out of a hidden directory");
    const full = joinPath(path, rest.join("/"));
    this.#marks.raise(at, Flag.hidPassage);
    let end = path === "" ? 0 : path.length + 1;
    do {
      const slash = full.indexOf("/", end);
      const stop = slash < 0 ? full.length : slash;
      this.#passHiddenName(full, stop);
      end = stop + 1;
    } while (end <= full.length);
    this.#canonical = full;
    if (plainParent !== undefined) {
      this.#lastHiddenParent = plainParent;
      this.#lastHiddenCanonical = full;
      this.#lastHiddenReal = isReal;
    }
    return HIDDEN_DIR;
  }

  #passHiddenName(full: ByteString, end: number): void {
    const own = this.#hidden.get(full, end);
    if (own === undefined) this.#passages.pass(full, end, this.#layer);
    else if (own.kind === HiddenKind.symlink || own.kind === HiddenKind.hardlink) {
      throw new ScanNeeded("a path goes through a symlink of its layer that is hidden further up");
    } else if (own.kind === HiddenKind.other) {
      this.#hidden.isMixed = true;
    }
  }

  // --- Entries -------------------------------------------------------------------------------------------

  /**
   * Finds or makes the node that an entry shows in, and gives a directory its metadata; NO_NODE where higher
   * layers hide the entry.
   */
  #open(dir: NodeId, name: ByteString, full: ByteString, entry: TarEntry): NodeId {
    const marks = this.#marks;
    const layer = this.#layer;
    const isDirectory = entry.kind === EntryKind.directory;
    let node = this.tree.lookup(dir, name);
    if (node === NO_NODE) {
      node = this.tree.add(dir, name, isDirectory ? this.tree.inodes.add(attributesOf(entry)) : this.#tombstone);
      marks.setBorn(node, layer);
    } else if (this.tree.isDirectory(node)) {
      if (isDirectory) return this.#openDirectory(node, full, entry);
      if (!this.#replaceDirectory(node, entry)) return NO_NODE;
    } else {
      if (marks.layer(node) > layer) {
        if (isLinkLike(entry) && marks.passageMax(node) > layer)
          throw new ScanNeeded("a hidden symlink was gone through");
        return NO_NODE;
      }
      if (marks.has(node, Flag.followed)) throw new ScanNeeded("a layer replaces a symlink that others go through");
      if (isDirectory || isLinkLike(entry)) this.#refuseDroppedWhiteouts(node);
      this.#forgetWalk();
      marks.clear(node, Flag.tombstone);
      if (isDirectory) {
        this.tree.setInode(node, this.tree.inodes.add(attributesOf(entry)));
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
    const layer = this.#layer;
    marks.shield(node, layer);
    if (layer < marks.closedSelf(node)) return NO_NODE;
    marks.clear(node, Flag.virtual);
    if (marks.layer(node) !== 0 && marks.layer(node) !== layer) {
      // Merges with the directory of a higher layer; what lies below is decided name by name.
      this.#passages.shield(full);
      return NO_NODE;
    }
    if (marks.closedSelf(node) === layer && this.#hidden.get(full) !== undefined) this.#hidden.isMixed = true;
    this.tree.inodes.update(this.tree.inode(node), attributesOf(entry));
    marks.setLayer(node, layer);
    return node;
  }

  /** A non-directory where the tree has a directory; true where the entry takes its place. */
  #replaceDirectory(node: NodeId, entry: TarEntry): boolean {
    const marks = this.#marks;
    const layer = this.#layer;
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
      this.#forgetWalk();
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
      marks.layer(node) === 0 && marks.known(node) !== this.#layer && marks.passageMin(node) > this.#layer;
    const isPlain = entry.kind === EntryKind.symlink && isUntouched;
    if (!isPlain) throw new ScanNeeded("an upper layer replaces a symlink that others go through");
    if (this.#demands.hasEver)
      throw new ScanNeeded("hard links were open while paths led through a symlink of a lower layer");
    this.#forgetWalk();
    this.#hasGrafted = true;
    graft(node, entry.linkName, {
      tree: this.tree,
      marks: this.#marks,
      addImplicit: (dir, name) => this.#addImplicit(dir, name),
      onMoved: this.#onMoved,
    });
    this.#marks.setPassages(node, 0, 0);
    this.#marks.raise(node, Flag.followed);
  }

  #dropBelow(dir: NodeId): void {
    const todo = [...this.tree.children(dir)];
    for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
      if (this.#marks.passageMax(node) !== 0) {
        const path = this.tree.path(node);
        this.#passages.pass(path, path.length, this.#marks.passageMax(node));
      }
      todo.push(...this.tree.children(node));
    }
    for (const child of this.tree.children(dir)) this.tree.remove(child);
  }

  #applyHidden(entry: TarEntry, full: ByteString, target: LinkTarget | undefined, isDemanded: boolean): Verdict {
    const kind = hiddenKindOf(entry);
    if (kind === HiddenKind.symlink || kind === HiddenKind.hardlink) {
      this.#passages.checkSymlink(full, this.#layer);
      this.#checkHiddenSymlink(full);
      this.#forgetWalk();
    }
    this.#passages.shield(full);
    this.#hidden.add(full, kind, this.#order, target === undefined ? 0 : this.#hiddenLinks.add(target));
    if (!isDemanded) return HIDDEN;
    if (target !== undefined) {
      this.#demands.offer(full, this.#bind(target, full, normalizePath(entry.linkName, this.#name)));
      return HIDDEN;
    }
    const inode = this.#newInode(entry);
    this.#taken.set(this.#order, inode);
    this.#demands.offer(full, inode);
    return entry.kind === EntryKind.file ? { inode, path: undefined, isHidden: true } : HIDDEN;
  }

  /**
   * A hidden symlink may stand where paths of higher layers went through, if a whiteout above it came after
   * those in the same layer.
   */
  #checkHiddenSymlink(full: ByteString): void {
    const marks = this.#marks;
    let node: NodeId = FsTree.root;
    let closed = marks.closed(node);
    for (const name of full.split("/")) {
      closed = Math.max(closed, marks.closed(node));
      node = this.tree.lookup(node, name);
      if (node === NO_NODE) return;
    }
    closed = Math.max(closed, marks.closedSelf(node));
    if (marks.passageMax(node) > this.#layer && closed >= marks.passageMin(node)) {
      throw new ScanNeeded("an upper layer goes through a symlink that is hidden further up");
    }
  }

  /** AUFS's own files: in no tree, but links of the layer may point at them. */
  #hide(entry: TarEntry, path: ByteString): Verdict {
    const isLink = entry.kind === EntryKind.hardlink;
    const target = isLink ? this.#links.resolve(normalizePath(entry.linkName, this.#name)) : undefined;
    this.#hidden.add(path, hiddenKindOf(entry), this.#order, target === undefined ? 0 : this.#hiddenLinks.add(target));
    return HIDDEN;
  }

  #applyWhiteout(path: ByteString, isOpaque: boolean): Verdict {
    const name = nameOf(path).slice(WHITEOUT_PREFIX.length);
    if (!isOpaque && (name === "" || name === "." || name === "..")) {
      throw new MergeError("MALFORMED_WHITEOUT", { path, layer: this.#name });
    }
    const dir = this.#walk(parentOf(path), false);
    const parent = this.#canonical;
    if (this.#demands.isActive) {
      if (isOpaque) this.#demands.meetOpaque(parent);
      else this.#demands.meet(joinPath(parent, name), HiddenKind.whiteout);
    }
    if (dir === HIDDEN_DIR) return this.#hideWhiteout(joinPath(parent, isOpaque ? nameOf(path) : name));
    if (isOpaque) {
      this.#marks.close(dir, this.#layer);
      return SHOWN;
    }
    const node = this.tree.lookup(dir, name);
    if (node === NO_NODE) {
      const tombstone = this.tree.add(dir, name, this.#tombstone);
      this.#marks.setBorn(tombstone, this.#layer);
      this.#marks.setLayer(tombstone, this.#layer);
      this.#marks.raise(tombstone, Flag.tombstone);
      this.#tombstones.push(tombstone);
      return SHOWN;
    }
    if (!this.tree.isDirectory(node)) {
      if (this.#marks.layer(node) === this.#layer) return SHOWN;
    } else {
      const isHidden = this.#layer < this.#marks.closedSelf(node);
      this.#marks.shield(node, this.#layer);
      this.#marks.closeWithSelf(node, this.#layer);
      if (!isHidden && this.#marks.born(node) === this.#layer) return SHOWN;
    }
    return this.#hideWhiteout(joinPath(parent, name));
  }

  #hideWhiteout(path: ByteString): Verdict {
    this.#passages.shield(path);
    this.#hidden.add(path, HiddenKind.whiteout, this.#order);
    return HIDDEN;
  }

  // --- Hard links ----------------------------------------------------------------------------------------

  /** The inode for a link at `path`: real, or a placeholder. */
  #bind(target: LinkTarget, path: ByteString, targetPath: ByteString): InodeId {
    if (target.kind === "inode") return target.inode;
    if (target.kind === "hidden") return this.#rescue(target.order, path, targetPath);
    const placeholder = this.#pending.add(path, targetPath, this.#name);
    if (target.kind === "directory") this.#pending.fail(placeholder, "HARD_LINK_TO_DIRECTORY");
    else if (target.kind === "below") this.#demands.add(target.path, target.text, placeholder);
    else if (target.kind === "missing") this.#late.push({ placeholder, target: target.text });
    return placeholder;
  }

  /** The inode of a hidden entry of this layer whose bytes have gone by. */
  #rescue(order: number, path: ByteString, targetPath: ByteString): InodeId {
    const taken = this.#taken.get(order);
    if (taken !== undefined) return taken;
    const real = this.tree.inodes.add({ kind: InodeKind.file, mode: 0, uid: 0, gid: 0, mtimeSec: 0 });
    // A name with it may be a symlink, so paths must not go through: that is what the placeholder is for.
    const placeholder = this.#pending.add(path, targetPath, this.#name);
    this.#taken.set(order, placeholder);
    this.#rescues.set(order, real);
    return placeholder;
  }

  #bindLate(placeholder: InodeId, target: ByteString): void {
    const own = this.#links.resolve(target);
    if (own.kind === "inode" && !this.#pending.isOpen(own.inode)) this.#pending.bind(placeholder, own.inode);
    else if (own.kind === "directory") this.#pending.fail(placeholder, "HARD_LINK_TO_DIRECTORY");
    else if (own.kind !== "missing")
      throw new ScanNeeded("a hard link stands before its target, which is a link or hidden");
  }
}

function hiddenKindOf(entry: TarEntry): HiddenKind {
  if (entry.kind === EntryKind.directory) return HiddenKind.directory;
  if (entry.kind === EntryKind.symlink) return HiddenKind.symlink;
  return entry.kind === EntryKind.hardlink ? HiddenKind.hardlink : HiddenKind.other;
}

/** Symlinks, and hard links, which may be names of symlinks. */
function isLinkLike(entry: TarEntry): boolean {
  return entry.kind === EntryKind.symlink || entry.kind === EntryKind.hardlink;
}
