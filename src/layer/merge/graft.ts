import type { ByteString } from "../../bytes/byte-string.ts";
import { InodeKind } from "../../fstree/inodes.ts";
import { MAX_SYMLINK_HOPS } from "../../fstree/limits.ts";
import { FsTree, NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { MAX_GRAFT_DEPTH } from "./limits.ts";
import { Flag, type NodeMarks } from "./node-marks.ts";
import { ScanNeeded } from "./scan-needed.ts";

export interface GraftOptions {
  readonly tree: FsTree;
  readonly marks: NodeMarks;
  /** The symlink's. */
  readonly layer: number;
  /** Makes a directory that no layer has an entry for. */
  readonly addImplicit: (dir: NodeId, name: ByteString) => NodeId;
  /** Called for every node that has a new path. */
  readonly onMoved: (node: NodeId) => void;
}

/**
 * A lower layer has a symlink where upper layers only went through: what they put below `node`, an implicit
 * directory, belongs where the symlink leads. Moves it there; of two names the higher layer's stays. `node` is
 * left empty for the symlink.
 * @throws ScanNeeded where more than plain names are involved
 */
export function graft(node: NodeId, target: ByteString, options: GraftOptions): void {
  const { tree, marks } = options;
  const max = marks.passageMax(node);
  const min = marks.passageMin(node);
  checkPlain(node, options);
  const destination = locate(tree.parent(node), node, target, max, min, options);
  mergeInto(node, destination, { ...options, moved: node }, 0, false);
}

/** Refuses directories in which anything but names of upper layers was noted. */
function checkPlain(start: NodeId, { tree, marks }: GraftOptions): void {
  const todo = [start];
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    if (marks.has(node, Flag.left)) throw new ScanNeeded("a path leads up from a symlink of a lower layer");
    const odd = Flag.tombstone | Flag.virtual | Flag.hidPassage | Flag.hidSymlink | Flag.followed;
    if (marks.has(node, odd) || marks.closed(node) !== 0 || marks.closedSelf(node) !== 0) {
      throw new ScanNeeded("whiteouts or hidden entries lie behind a symlink of a lower layer");
    }
    if (tree.isDirectory(node)) todo.push(...tree.children(node));
    else if (marks.passageMax(node) !== 0) throw new ScanNeeded("a name behind a symlink changed its type");
  }
}

/** Walks to where the symlink leads, as layers `min`…`max` saw it; makes directories that are missing. */
function locate(
  start: NodeId,
  moved: NodeId,
  target: ByteString,
  max: number,
  min: number,
  options: GraftOptions,
): NodeId {
  const { tree, marks, addImplicit } = options;
  const todo: ByteString[] = [];
  let dir = start;
  let hops = 0;
  const follow = (text: ByteString): void => {
    if (++hops > MAX_SYMLINK_HOPS) throw new ScanNeeded("symlinks form a loop");
    if (text.startsWith("/")) dir = FsTree.root;
    todo.push(...text.split("/").reverse());
  };
  follow(target);
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (marks.passageMax(dir) !== 0) marks.raise(dir, Flag.left);
      dir = tree.parent(dir);
      continue;
    }
    let node = tree.lookup(dir, name);
    if (node === moved) throw new ScanNeeded("a symlink leads through itself");
    if (node === NO_NODE) {
      if (todo.includes("..")) throw new ScanNeeded("a symlink leads out of a missing directory");
      node = addImplicit(dir, name);
      marks.setPassages(node, max, min);
    } else if (tree.isDirectory(node)) {
      if (marks.has(node, Flag.virtual | Flag.hidSymlink | Flag.hidPassage) || marks.closed(node) !== 0) {
        throw new ScanNeeded("a symlink of a lower layer leads to a directory that hides names");
      }
      const decided = marks.layer(node);
      // An entry for it of the lowest of those layers may have come after the names that are moved.
      if (decided === 0 || decided >= min) joinPassages(marks, node, max, min);
    } else {
      const isSymlink = tree.inodes.kind(tree.inode(node)) === InodeKind.symlink;
      // A symlink of one of the very layers that went through may have come after the entries that did.
      if (!isSymlink || marks.has(node, Flag.tombstone) || marks.layer(node) >= min) {
        throw new ScanNeeded("a symlink of a lower layer leads to a name that changed");
      }
      marks.raise(node, Flag.followed);
      follow(tree.inodes.target(tree.inode(node)));
      continue;
    }
    dir = node;
  }
  if (marks.closed(dir) !== 0) throw new ScanNeeded("a symlink of a lower layer leads to a directory that hides names");
  for (let n = dir; n !== FsTree.root; n = tree.parent(n)) {
    if (n === moved) throw new ScanNeeded("a symlink leads into itself");
    if (marks.closed(tree.parent(n)) !== 0) throw new ScanNeeded("a symlink of a lower layer leads below a whiteout");
    keepFromLayer(marks, n, max);
  }
  return dir;
}

/** @param isPlain whether all below `into` has been checked: once for each directory that both have at the top */
function mergeInto(
  from: NodeId,
  into: NodeId,
  options: GraftOptions & { readonly moved: NodeId },
  depth: number,
  isPlain: boolean,
): void {
  if (depth > MAX_GRAFT_DEPTH) throw new ScanNeeded("deep directories meet behind a symlink");
  const { tree, marks, onMoved, moved } = options;
  for (const child of tree.children(from)) {
    const old = tree.lookup(into, tree.name(child));
    if (old === NO_NODE) {
      tree.move(child, into);
      onMoved(child);
      continue;
    }
    if (old === moved) throw new ScanNeeded("a symlink leads around itself");
    const upper = marks.layer(child);
    const lower = marks.layer(old);
    if (tree.isDirectory(child) && tree.isDirectory(old)) {
      if (!isPlain) checkPlain(old, options);
      if (upper !== 0 && upper === lower) throw new ScanNeeded("a layer has a directory under two names");
      if (upper > lower) {
        tree.setInode(old, tree.inode(child));
        marks.setLayer(old, upper);
      }
      if (marks.passageMax(child) !== 0) joinPassages(marks, old, marks.passageMax(child), marks.passageMin(child));
      keepFromLayer(marks, old, marks.born(child));
      mergeInto(child, old, options, depth + 1, true);
      tree.remove(child);
      continue;
    }
    if (tree.isDirectory(child) || tree.isDirectory(old) || marks.has(old, Flag.tombstone) || upper === lower) {
      throw new ScanNeeded("names behind a symlink differ in type or stand twice in a layer");
    }
    if (marks.passageMax(old) !== 0 || marks.has(old, Flag.hidPassage | Flag.followed)) {
      throw new ScanNeeded("a name behind a symlink was gone through");
    }
    // What comes later in that layer may go through it, or link to it.
    if (lower === options.layer) throw new ScanNeeded("a symlink leads upper names over those of its own layer");
    if (upper < lower) {
      tree.remove(child);
    } else {
      tree.remove(old);
      tree.move(child, into);
      onMoved(child);
    }
  }
}

/** A directory has names of `upper` below it now, so the current layer cannot replace it whole any more. */
function keepFromLayer(marks: NodeMarks, dir: NodeId, upper: number): void {
  marks.setBorn(dir, Math.max(marks.born(dir), upper));
}

function joinPassages(marks: NodeMarks, node: NodeId, max: number, min: number): void {
  const oldMax = marks.passageMax(node);
  const oldMin = marks.passageMin(node);
  marks.setPassages(node, Math.max(oldMax, max), oldMin === 0 ? min : Math.min(oldMin, min));
}
