import type { ByteString } from "../bytes/byte-string.ts";
import { ownByRoot } from "../fstree/adjust.ts";
import { FsTree, NO_NODE, type NodeId } from "../fstree/tree.ts";
import { walkPostOrder } from "../fstree/walk.ts";

/** Who owns what root does not, by path. */
export type Owners = ReadonlyMap<ByteString, readonly [uid: number, gid: number]>;

/**
 * Lets root own everything, for a session in which nobody else exists: what others own could not be changed there.
 * @returns who owned what, to be put back afterwards
 */
export function takeOwners(tree: FsTree): Owners {
  const owners = new Map<ByteString, readonly [number, number]>();
  for (const node of walkPostOrder(tree)) {
    const inode = tree.inode(node);
    const uid = tree.inodes.uid(inode);
    const gid = tree.inodes.gid(inode);
    if (uid !== 0 || gid !== 0) owners.set(tree.path(node), [uid, gid]);
  }
  ownByRoot(tree.inodes);
  return owners;
}

/** Gives what is still under its name back to whom it was taken from. */
export function restoreOwners(tree: FsTree, owners: Owners): void {
  for (const [path, [uid, gid]] of owners) {
    let node: NodeId = FsTree.root;
    for (const name of path === "" ? [] : path.split("/")) {
      node = tree.lookup(node, name);
      if (node === NO_NODE) break;
    }
    if (node !== NO_NODE) tree.inodes.setOwner(tree.inode(node), uid, gid);
  }
}
