import type { ByteString } from "../../bytes/byte-string.ts";
import { InodeKind } from "../../fstree/inodes.ts";
import { type FsTree, NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { entryRole, OPAQUE_MARKER } from "../whiteout.ts";
import type { DescentState } from "./descent-state.ts";
import { joinPath } from "./entry-path.ts";
import { type HiddenEntry, HiddenKind, type HiddenPassages, refuseHiddenSymlink } from "./hidden-entries.ts";
import type { LinkTarget } from "./hidden-links.ts";
import { Flag, type NodeMarks } from "./node-marks.ts";
import { PathSteps } from "./path-steps.ts";
import type { PendingLinks } from "./pending-links.ts";
import { ScanNeeded } from "./scan-needed.ts";

/**
 * Tells what a hard link's target is in the current layer, at the link's moment: an inode in the tree, an entry
 * that higher layers hide, nothing any more, or something for the layers below. Notes where a path goes up, and changes
 * nothing else.
 */
export class LinkResolver {
  readonly #state: DescentState;
  readonly #tree: FsTree;
  readonly #marks: NodeMarks;
  readonly #pending: PendingLinks;
  readonly #passages: HiddenPassages;
  readonly #steps: PathSteps;

  constructor(state: DescentState) {
    this.#state = state;
    this.#tree = state.tree;
    this.#marks = state.marks;
    this.#pending = state.pending;
    this.#passages = state.passages;
    this.#steps = new PathSteps(state);
  }

  /** What a hard link's target is at this moment, as far as the current layer tells. */
  resolve(text: ByteString): LinkTarget {
    if (entryRole(text) !== "plain") {
      const own = this.#state.hidden.get(text);
      return own === undefined ? { kind: "missing", text } : this.#hiddenTarget(own, text);
    }
    const marks = this.#marks;
    const layer = this.#state.layer;
    const steps = this.#steps;
    steps.begin(text);
    for (let name = steps.next(); name !== undefined; name = steps.next()) {
      const { dir, path, isClosed } = steps;
      const isLast = steps.isAtEnd;
      const node = layer < marks.closed(dir) ? NO_NODE : this.#tree.lookup(dir, name);
      if (node === NO_NODE) {
        if (steps.leadsUp) throw new ScanNeeded("a symlink leads out of a missing directory");
        if (layer < marks.closed(dir)) return this.#resolveHidden(steps.rest(name), path, isClosed, text);
        return isClosed ? { kind: "missing", text } : { kind: "below", path: steps.rest(name), text };
      }
      const isDirectory = this.#tree.isDirectory(node);
      if (!(isDirectory && isLast) && layer < (isDirectory ? marks.closedSelf(node) : marks.layer(node))) {
        if (steps.leadsUp) throw new ScanNeeded("a symlink leads out of a hidden directory");
        return this.#resolveHidden(steps.rest(name), path, isClosed, text);
      }
      if (isDirectory) {
        const full = joinPath(path, name);
        if (isLast) return this.#directoryTarget(node, full, isClosed, text);
        if (marks.has(node, Flag.hidSymlink)) refuseHiddenSymlink(this.#state.hidden, full);
        steps.enter(node, name);
        continue;
      }
      const inode = this.#tree.inode(node);
      const isTombstone = marks.has(node, Flag.tombstone);
      if (isLast) return isTombstone ? { kind: "missing", text } : { kind: "inode", inode };
      if (!isTombstone && this.#pending.isOpen(inode))
        throw new ScanNeeded("a link's target lies behind a hard link that is not bound yet");
      if (isTombstone || this.#tree.inodes.kind(inode) !== InodeKind.symlink) {
        if (steps.leadsUp) throw new ScanNeeded("a symlink leads out of a missing directory");
        return { kind: "missing", text };
      }
      // Behind a link, the last name alone is taken as it is: symlinks in it are part of the directory's path.
      if (!steps.follow(this.#tree.inodes.target(inode))) return { kind: "missing", text };
    }
    return { kind: "directory" };
  }

  /** The target's name is a directory in the tree; is it one in this layer? */
  #directoryTarget(node: NodeId, path: ByteString, isGone: boolean, text: ByteString): LinkTarget {
    const marks = this.#marks;
    const layer = this.#state.layer;
    // Where a higher layer has the whole directory, the tree notes no path of this layer; `passages` does.
    const isPassed = marks.passageMin(node) === layer || this.#passages.isPassed(path, layer);
    if (marks.born(node) === layer && !marks.has(node, Flag.virtual)) return { kind: "directory" };
    const own = this.#state.hidden.get(path);
    if (own !== undefined) {
      if (isPassed || this.#state.hidden.isMixed)
        throw new ScanNeeded("a hard link's target changed its type in its layer");
      return this.#hiddenTarget(own, text);
    }
    if (marks.layer(node) === layer || marks.known(node) === layer) return { kind: "directory" };
    if (isPassed) throw new ScanNeeded("a hard link's target was gone through");
    return isGone || marks.closedSelf(node) === layer ? { kind: "missing", text } : { kind: "below", path, text };
  }

  /** The target lies where higher layers have decided, from below the directory `visible` on. */
  #resolveHidden(path: ByteString, visible: ByteString, isGone: boolean, text: ByteString): LinkTarget {
    if (this.#state.hidden.isMixed)
      throw new ScanNeeded("a hard link's target lies among hidden names that changed their type");
    const own = this.#state.hidden.get(path);
    let isMissing = isGone || this.#isOpaqueHere(visible);
    for (let end = path.indexOf("/", visible.length + 1); end > 0; end = path.indexOf("/", end + 1)) {
      const above = this.#state.hidden.get(path, end);
      if (above?.kind === HiddenKind.symlink || above?.kind === HiddenKind.hardlink) {
        throw new ScanNeeded("a hard link's target lies behind a hidden symlink");
      }
      if (above?.kind === HiddenKind.other) {
        if (own !== undefined && own.order < above.order)
          throw new ScanNeeded("a hidden directory was replaced in its layer");
        isMissing = true;
      }
      if (above?.kind === HiddenKind.whiteout || this.#isOpaqueHere(path.slice(0, end))) isMissing = true;
    }
    if (own !== undefined) return this.#hiddenTarget(own, text);
    if (this.#passages.isPassed(path, this.#state.layer)) throw new ScanNeeded("a hard link's target was gone through");
    return isMissing ? { kind: "missing", text } : { kind: "below", path, text };
  }

  #isOpaqueHere(dir: ByteString): boolean {
    return this.#state.hidden.get(joinPath(dir, OPAQUE_MARKER)) !== undefined;
  }

  #hiddenTarget({ kind, order, link }: HiddenEntry, text: ByteString): LinkTarget {
    if (kind === HiddenKind.directory) return { kind: "directory" };
    if (kind === HiddenKind.whiteout) return { kind: "missing", text };
    return kind === HiddenKind.hardlink ? this.#state.hiddenLinks.get(link) : { kind: "hidden", order };
  }
}
