import type { ByteString } from "../../bytes/byte-string.ts";
import { InodeKind } from "../../fstree/inodes.ts";
import { type FsTree, NO_NODE, type NodeId } from "../../fstree/tree.ts";
import type { DescentState } from "./descent-state.ts";
import { joinPath } from "./entry-path.ts";
import { HiddenKind, type HiddenPassages, refuseHiddenSymlink } from "./hidden-entries.ts";
import { Flag, type NodeMarks, refuseDroppedWhiteouts } from "./node-marks.ts";
import { PathSteps } from "./path-steps.ts";
import type { PendingLinks } from "./pending-links.ts";
import { ScanNeeded } from "./scan-needed.ts";

/** What walking to a directory gave, where it is hidden. */
export const HIDDEN_DIR = -2;

/** Leads from a path to its directory as the current layer sees it, and notes on the way what it went through. */
export class LayerWalk {
  readonly #state: DescentState;
  readonly #tree: FsTree;
  readonly #marks: NodeMarks;
  readonly #pending: PendingLinks;
  readonly #passages: HiddenPassages;
  readonly #steps: PathSteps;
  readonly #virtuals: NodeId[] = [];

  /** The directory that the last walk ended in, with its path; parents come in runs. */
  #lastParent: ByteString | undefined;
  #lastDir: NodeId = NO_NODE;
  #lastReal = false;
  #canonical: ByteString = "";
  #lastHiddenParent: ByteString | undefined;
  #lastHiddenCanonical: ByteString = "";
  #lastHiddenReal = false;

  constructor(state: DescentState) {
    this.#state = state;
    this.#tree = state.tree;
    this.#marks = state.marks;
    this.#pending = state.pending;
    this.#passages = state.passages;
    this.#steps = new PathSteps(state);
  }

  /** Path, by real directories, of what the last walk led to. */
  get canonical(): ByteString {
    return this.#canonical;
  }

  /** Directories that only whiteouts went through, at their time. */
  get virtuals(): readonly NodeId[] {
    return this.#virtuals;
  }

  /** To be called where a name that walks go through has changed, or another layer begins. */
  forget(): void {
    this.#lastParent = undefined;
    this.#lastHiddenParent = undefined;
  }

  /**
   * Walks to an entry's directory as the current layer sees it at this moment; makes implicit directories.
   * Leaves the directory's path in `canonical`.
   * @param isReal false for whiteouts, which make no directories
   * @returns the directory, or HIDDEN_DIR
   */
  to(parent: ByteString, isReal: boolean): NodeId {
    if (parent === this.#lastParent && (this.#lastReal || !isReal)) {
      this.#canonical = parent;
      return this.#closedDir(this.#lastDir);
    }
    if (parent === this.#lastHiddenParent && (this.#lastHiddenReal || !isReal)) {
      this.#canonical = this.#lastHiddenCanonical;
      return HIDDEN_DIR;
    }
    const marks = this.#marks;
    const layer = this.#state.layer;
    const steps = this.#steps;
    steps.begin(parent);
    const hidden = (at: NodeId, name: ByteString) =>
      this.#passHidden(at, name, steps.hops === 0 ? parent : undefined, isReal);
    for (let name = steps.next(); name !== undefined; name = steps.next()) {
      const { dir } = steps;
      if (layer < marks.closed(dir)) return hidden(dir, name);
      const node = this.#tree.lookup(dir, name);
      if (node === NO_NODE) {
        this.#makeImplicit(name, isReal);
        continue;
      }
      if (this.#tree.isDirectory(node)) {
        if (layer < marks.closedSelf(node)) return hidden(node, name);
        this.#passDirectory(node, name, isReal);
      } else {
        if (marks.layer(node) > layer) return hidden(node, name);
        const inode = this.#tree.inode(node);
        if (this.#pending.isOpen(inode)) throw new ScanNeeded("a path goes through a hard link that is not bound yet");
        if (this.#tree.inodes.kind(inode) === InodeKind.symlink) {
          // Names of one directory may be seen under two paths here, so the loop may not be real.
          if (!steps.follow(this.#tree.inodes.target(inode))) throw new ScanNeeded("symlinks form a loop");
          continue;
        }
        // A whiteout, a file … of this very layer. Whiteouts below it find nothing of lower layers.
        if (!isReal) return this.#passHidden(node, name, undefined, isReal);
        if (steps.hops > 0 && steps.leadsUp) throw new ScanNeeded("a symlink leads out of a missing directory");
        this.#becomeDirectory(node);
      }
      steps.enter(node, name);
    }
    this.#canonical = steps.path;
    if (steps.hops === 0) {
      this.#lastParent = parent;
      this.#lastDir = steps.dir;
      this.#lastReal = isReal;
    }
    return this.#closedDir(steps.dir);
  }

  #makeImplicit(name: ByteString, isReal: boolean): void {
    const steps = this.#steps;
    if (steps.hops > 0 && steps.leadsUp) throw new ScanNeeded("a symlink leads out of a missing directory");
    const node = this.#state.addImplicit(steps.dir, name);
    // Below a directory that this very layer has closed, no symlink of a lower layer can be met.
    if (!steps.isClosed) this.#marks.pass(node, this.#state.layer);
    if (!isReal) this.#makeVirtual(node);
    steps.enter(node, name);
  }

  #passDirectory(node: NodeId, name: ByteString, isReal: boolean): void {
    const marks = this.#marks;
    const steps = this.#steps;
    const { layer, hidden } = this.#state;
    const path = joinPath(steps.path, name);
    if (marks.has(node, Flag.hidSymlink)) refuseHiddenSymlink(hidden, path);
    if (!steps.isClosed) marks.pass(node, layer);
    else if (isReal) marks.know(node, layer);
    if (!isReal) return;
    if (steps.hops > 0 && marks.has(node, Flag.virtual) && steps.leadsUp) {
      throw new ScanNeeded("a symlink leads out of a directory that may be missing");
    }
    marks.clear(node, Flag.virtual);
    // What stood here in this layer, a hidden file, is a directory now.
    if (marks.closedSelf(node) === layer && hidden.get(path) !== undefined) hidden.isMixed = true;
  }

  #closedDir(dir: NodeId): NodeId {
    return this.#state.layer < this.#marks.closed(dir) ? HIDDEN_DIR : dir;
  }

  /** A whiteout or a non-directory of the current layer turns into an implicit directory. */
  #becomeDirectory(node: NodeId): void {
    refuseDroppedWhiteouts(this.#marks, node);
    this.#tree.setInode(node, this.#state.addImplicitInode());
    this.#marks.clear(node, Flag.tombstone);
    this.#marks.setLayer(node, 0);
    this.#marks.closeWithSelf(node, this.#state.layer);
    this.#marks.shield(node, this.#state.layer);
  }

  #makeVirtual(node: NodeId): void {
    this.#marks.raise(node, Flag.virtual);
    this.#virtuals.push(node);
  }

  /** A path goes on below what higher layers decided, from `name` on. Notes where it went through. */
  #passHidden(at: NodeId, name: ByteString, plainParent: ByteString | undefined, isReal: boolean): NodeId {
    const { path, leadsUp } = this.#steps;
    if (leadsUp) throw new ScanNeeded("a symlink leads out of a hidden directory");
    const full = this.#steps.rest(name);
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
    const own = this.#state.hidden.get(full, end);
    if (own === undefined) this.#passages.pass(full, end, this.#state.layer);
    else if (own.kind === HiddenKind.symlink || own.kind === HiddenKind.hardlink) {
      throw new ScanNeeded("a path goes through a symlink of its layer that is hidden further up");
    } else if (own.kind === HiddenKind.other) {
      this.#state.hidden.isMixed = true;
    }
  }
}
