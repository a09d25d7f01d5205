import type { ByteString } from "../bytes/byte-string.ts";
import { InodeKind } from "./inodes.ts";
import { MAX_SYMLINK_HOPS } from "./limits.ts";
import { FsTree, NO_NODE, type NodeId } from "./tree.ts";

/**
 * Finds what a path leads to with the tree as the whole world: symlinks, also absolute ones, stay inside
 * and `..` stops at the root. {@link NO_NODE} where nothing is there, or a loop.
 * @param options.followLast whether a symlink at the end is followed; true unless told
 */
export function resolvePath(
  tree: FsTree,
  path: ByteString,
  { followLast = true }: { readonly followLast?: boolean } = {},
): NodeId {
  let node: NodeId = FsTree.root;
  let hops = 0;
  const todo = path.split("/").reverse();
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      node = tree.parent(node);
      continue;
    }
    const child = tree.lookup(node, name);
    if (child === NO_NODE) return NO_NODE;
    const inode = tree.inode(child);
    const kind = tree.inodes.kind(inode);
    const last = todo.every((rest) => rest === "" || rest === ".");
    if (kind === InodeKind.symlink && (!last || followLast)) {
      if (++hops > MAX_SYMLINK_HOPS) return NO_NODE;
      const target = tree.inodes.target(inode);
      if (target.startsWith("/")) node = FsTree.root;
      todo.push(...target.split("/").reverse());
    } else if (kind === InodeKind.directory || last) {
      node = child;
    } else {
      return NO_NODE;
    }
  }
  return node;
}
