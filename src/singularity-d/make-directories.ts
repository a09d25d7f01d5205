import type { ByteString } from "../bytes/byte-string.ts";
import { type InodeAttributes, InodeKind } from "../fstree/inodes.ts";
import { MAX_SYMLINK_HOPS } from "../fstree/limits.ts";
import { FsTree, NO_NODE, type NodeId } from "../fstree/tree.ts";
import { SingularityDError } from "./errors.ts";

const KIND_NAMES: ReadonlyMap<number, string> = new Map([
  [InodeKind.file, "a file"],
  [InodeKind.symlink, "a symbolic link that leads nowhere"],
  [InodeKind.blockDevice, "a block device"],
  [InodeKind.charDevice, "a character device"],
  [InodeKind.fifo, "a FIFO"],
  [InodeKind.socket, "a socket"],
]);

/**
 * The directory at `path`, made with all that lead to it where they are missing. Symbolic links are followed
 * inside the root, also those that lead to a place not there yet (an image's `/tmp -> /scratch/tmp`).
 * @throws SingularityDError NOT_A_DIRECTORY
 */
export function makeDirectories(tree: FsTree, path: ByteString, attributes: InodeAttributes): NodeId {
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
    if (child === NO_NODE) {
      node = tree.add(node, name, tree.inodes.add(attributes));
      continue;
    }
    const inode = tree.inode(child);
    const kind = tree.inodes.kind(inode);
    if (kind === InodeKind.directory) {
      node = child;
    } else if (kind === InodeKind.symlink && ++hops <= MAX_SYMLINK_HOPS) {
      const target = tree.inodes.target(inode);
      if (target.startsWith("/")) node = FsTree.root;
      todo.push(...target.split("/").reverse());
    } else {
      throw new SingularityDError("NOT_A_DIRECTORY", { path: tree.path(child), seen: KIND_NAMES.get(kind) });
    }
  }
  return node;
}
