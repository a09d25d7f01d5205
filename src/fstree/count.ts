import { InodeKind } from "./inodes.ts";
import { FsTree, type NodeId } from "./tree.ts";

/** How much there is in a tree. */
export interface TreeCounts {
  /** By kind; hard links count once. */
  readonly inodes: Readonly<Record<keyof typeof InodeKind, number>>;
  /** Names, the root included. */
  readonly entries: number;
  /** Bytes of all regular files, those of hard links for each name. */
  readonly fileSize: number;
}

const KIND_NAMES = new Map(Object.entries(InodeKind).map(([name, kind]) => [kind, name as keyof typeof InodeKind]));

/** Counts what has a name in the tree. */
export function countTree(tree: FsTree): TreeCounts {
  const inodes: Record<keyof typeof InodeKind, number> = {
    directory: 0,
    file: 0,
    symlink: 0,
    blockDevice: 0,
    charDevice: 0,
    fifo: 0,
    socket: 0,
  };
  const seen = new Uint8Array(tree.inodes.count);
  let entries = 0;
  let fileSize = 0;
  const pending: NodeId[] = [FsTree.root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (tree.isDirectory(node)) for (const child of tree.children(node)) pending.push(child);
    const inode = tree.inode(node);
    const kind = tree.inodes.kind(inode);
    entries++;
    if (kind === InodeKind.file) fileSize += tree.inodes.size(inode);
    if (seen[inode] === 1) continue;
    seen[inode] = 1;
    const name = KIND_NAMES.get(kind);
    if (name !== undefined) inodes[name]++;
  }
  return { inodes, entries, fileSize };
}
