import type { ByteString } from "../../bytes/byte-string.ts";
import { InodeKind } from "../../fstree/inodes.ts";
import { MAX_SYMLINK_HOPS } from "../../fstree/limits.ts";
import { FsTree, NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { entryRole, OPAQUE_MARKER } from "../whiteout.ts";
import type { DescentState } from "./descent-state.ts";
import { joinPath, parentOf } from "./entry-path.ts";
import { type HiddenEntry, HiddenKind, type HiddenPassages, refuseHiddenSymlink } from "./hidden-entries.ts";
import type { LinkTarget } from "./hidden-links.ts";
import { Flag, type NodeMarks } from "./node-marks.ts";
import type { PendingLinks } from "./pending-links.ts";
import { ScanNeeded } from "./scan-needed.ts";

/**
 * Tells what a hard link's target is in the current layer, at the link's moment: an inode in the tree, an entry
 * that higher layers hide, nothing any more, or something for the layers below. Changes nothing.
 */
export class LinkResolver {
  readonly #state: DescentState;
  readonly #tree: FsTree;
  readonly #marks: NodeMarks;
  readonly #pending: PendingLinks;
  readonly #passages: HiddenPassages;

  constructor(state: DescentState) {
    this.#state = state;
    this.#tree = state.tree;
    this.#marks = state.marks;
    this.#pending = state.pending;
    this.#passages = state.passages;
  }

  /** What a hard link's target is at this moment, as far as the current layer tells. */
  resolve(text: ByteString): LinkTarget {
    if (entryRole(text) !== "plain") {
      const own = this.#state.hidden.get(text);
      return own === undefined ? { kind: "missing", text } : this.#hiddenTarget(own, text);
    }
    const marks = this.#marks;
    const layer = this.#state.layer;
    const todo = text.split("/").reverse();
    let dir: NodeId = FsTree.root;
    let path: ByteString = "";
    let hops = 0;
    let isGone = marks.closed(dir) === layer;
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        dir = this.#tree.parent(dir);
        path = parentOf(path);
        isGone = this.#state.isClosedHere(dir);
        continue;
      }
      const isLast = todo.length === 0;
      const rest = () =>
        joinPath(
          joinPath(path, name),
          todo
            .filter((n) => n !== "" && n !== ".")
            .reverse()
            .join("/"),
        ).replace(/\/$/, "");
      const node = layer < marks.closed(dir) ? NO_NODE : this.#tree.lookup(dir, name);
      if (node === NO_NODE) {
        if (todo.includes("..")) throw new ScanNeeded("a symlink leads out of a missing directory");
        if (layer < marks.closed(dir)) return this.#resolveHidden(rest(), path, isGone, text);
        return isGone ? { kind: "missing", text } : { kind: "below", path: rest(), text };
      }
      const inode = this.#tree.inode(node);
      if (!this.#tree.isDirectory(node)) {
        if (marks.layer(node) > layer) {
          if (todo.includes("..")) throw new ScanNeeded("a symlink leads out of a hidden directory");
          return this.#resolveHidden(rest(), path, isGone, text);
        }
        if (marks.has(node, Flag.tombstone)) return { kind: "missing", text };
        if (isLast) return { kind: "inode", inode };
        if (this.#pending.isOpen(inode))
          throw new ScanNeeded("a link's target lies behind a hard link that is not bound yet");
        if (this.#tree.inodes.kind(inode) !== InodeKind.symlink) return { kind: "missing", text };
        if (++hops > MAX_SYMLINK_HOPS) return { kind: "missing", text };
        const target = this.#tree.inodes.target(inode);
        if (target.startsWith("/")) {
          dir = FsTree.root;
          path = "";
          isGone = this.#state.isClosedHere(dir);
        }
        // Behind a link, the last name alone is taken as it is: symlinks in it are part of the directory's path.
        todo.push(...target.split("/").reverse());
        continue;
      }
      if (isLast) return this.#directoryTarget(node, joinPath(path, name), isGone, text);
      if (layer < marks.closedSelf(node)) {
        if (todo.includes("..")) throw new ScanNeeded("a symlink leads out of a hidden directory");
        return this.#resolveHidden(rest(), path, isGone, text);
      }
      if (marks.has(node, Flag.hidSymlink)) refuseHiddenSymlink(this.#state.hidden, joinPath(path, name));
      isGone ||= marks.closed(node) === layer;
      dir = node;
      path = joinPath(path, name);
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
