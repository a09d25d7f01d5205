import type { ByteString } from "../../bytes/byte-string.ts";
import { type InodeAttributes, InodeKind } from "../../fstree/inodes.ts";
import { MAX_SYMLINK_HOPS } from "../../fstree/limits.ts";
import { FsTree, NO_NODE, type NodeId } from "../../fstree/tree.ts";
import { makeDirectories } from "../../singularity-d/make-directories.ts";

/** A name in a directory of a tree. */
export interface Place {
  readonly directory: NodeId;
  /** "" for the root. */
  readonly name: ByteString;
  /** What has the name, no link; `NO_NODE` where nothing has. */
  readonly node: NodeId;
}

/** Directories that lead to copied files, where they are missing. */
export function newDirectory(mtimeSec: number): InodeAttributes {
  return { kind: InodeKind.directory, mode: 0o755, uid: 0, gid: 0, mtimeSec };
}

/**
 * The place that a destination names: links are followed inside the root, also at the end, be it to a place that is not
 * there yet. The directories on the way are made; a slash at the end makes the last one, too.
 * @throws SingularityDError NOT_A_DIRECTORY; RangeError for a loop of links
 */
export function findPlace(tree: FsTree, path: ByteString, missing: InodeAttributes): Place {
  if (path.endsWith("/")) return placeOf(tree, makeDirectories(tree, path, missing));
  let wanted = path;
  for (let hops = 0; hops <= MAX_SYMLINK_HOPS; hops++) {
    const slash = wanted.lastIndexOf("/");
    const name = wanted.slice(slash + 1);
    const directory = makeDirectories(tree, wanted.slice(0, Math.max(slash, 0)), missing);
    if (name === "." || name === "") return placeOf(tree, directory);
    if (name === "..") return placeOf(tree, tree.parent(directory));
    const node = tree.lookup(directory, name);
    if (node === NO_NODE || tree.inodes.kind(tree.inode(node)) !== InodeKind.symlink) return { directory, name, node };
    const target = tree.inodes.target(tree.inode(node));
    wanted = target.startsWith("/") ? target : `${tree.path(directory)}/${target}`;
  }
  throw new RangeError("too many symbolic links lead to each other");
}

/** Where a node is. */
export function placeOf(tree: FsTree, node: NodeId): Place {
  return { directory: tree.parent(node), name: node === FsTree.root ? "" : tree.name(node), node };
}

/** Where a source goes: into a directory that is there, under its own name, else to the place itself. */
export function placeInside(tree: FsTree, place: Place, name: ByteString, missing: InodeAttributes): Place {
  if (place.node === NO_NODE || !tree.isDirectory(place.node)) return place;
  const there = tree.lookup(place.node, name);
  if (there !== NO_NODE && tree.inodes.kind(tree.inode(there)) === InodeKind.symlink)
    return findPlace(tree, `${tree.path(place.node)}/${name}`, missing);
  return { directory: place.node, name, node: there };
}

/** The last name of a path, slashes at its end aside. */
export function baseName(path: ByteString): ByteString {
  return /([^/]*)\/*$/s.exec(path)?.[1] ?? "";
}
