import type { ByteString } from "../bytes/byte-string.ts";
import { type InodeId, InodeKind } from "../fstree/inodes.ts";
import { resolvePath } from "../fstree/resolve.ts";
import { FsTree, NO_NODE, type NodeId } from "../fstree/tree.ts";
import { isTextPath } from "./text-paths.ts";

/** Folders below which all paths of `isTextPath` are, but for files in the root itself. */
const FOLDERS: readonly ByteString[] = [".singularity.d", "scif/apps"];

/** The files of a tree whose contents steps of a build want to know, by their path. */
export function* textFiles(tree: FsTree): Generator<readonly [path: ByteString, inode: InodeId]> {
  const todo: NodeId[] = FOLDERS.map((folder) => resolvePath(tree, folder, { followLast: false })).filter(
    (node) => node !== NO_NODE && tree.isDirectory(node),
  );
  for (const node of tree.children(FsTree.root)) if (isFile(tree, node)) todo.push(node);
  for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
    if (tree.isDirectory(node)) todo.push(...tree.children(node));
    else if (isFile(tree, node)) {
      const path = tree.path(node);
      if (isTextPath(path)) yield [path, tree.inode(node)];
    }
  }
}

/** Reads the contents of {@link textFiles}. */
export async function collectTexts(
  tree: FsTree,
  read: (path: ByteString) => Promise<Uint8Array | undefined>,
): Promise<Map<InodeId, Uint8Array>> {
  const texts = new Map<InodeId, Uint8Array>();
  for (const [path, inode] of textFiles(tree)) {
    const content = await read(path);
    if (content !== undefined) texts.set(inode, content);
  }
  return texts;
}

function isFile(tree: FsTree, node: NodeId): boolean {
  return tree.inodes.kind(tree.inode(node)) === InodeKind.file;
}
