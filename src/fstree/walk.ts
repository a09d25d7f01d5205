import { FsTree, type NodeId } from "./tree.ts";

interface Level {
  readonly dir: NodeId;
  readonly children: Int32Array;
  next: number;
}

/**
 * Every node below `start` and `start` itself, last: children in bytewise order, all of a directory's before
 * the directory. That is the order in which squashfs inodes are written, as a directory lists its children's places.
 */
export function* walkPostOrder(tree: FsTree, start: NodeId = FsTree.root): IterableIterator<NodeId> {
  if (!tree.isDirectory(start)) {
    yield start;
    return;
  }
  // A stack of our own: a tree may be deeper than the call stack.
  const stack: Level[] = [{ dir: start, children: tree.sortedChildren(start), next: 0 }];
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    const child = level.children[level.next++];
    if (child === undefined) {
      stack.pop();
      yield level.dir;
    } else if (tree.isDirectory(child)) {
      stack.push({ dir: child, children: tree.sortedChildren(child), next: 0 });
    } else {
      yield child;
    }
  }
}
