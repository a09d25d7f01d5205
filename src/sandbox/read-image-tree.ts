import type { ContentId } from "../fstree/content.ts";
import { type InodeAttributes, type InodeId, InodeKind } from "../fstree/inodes.ts";
import { FsTree, type NodeId } from "../fstree/tree.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { FileInode, Inode } from "../squashfs/reader/inode.ts";

/**
 * The tree of a SquashFS image, hard links as such.
 * @param take stores a file's content; asked once for each inode that has one
 * @throws SquashfsReadError where the image is damaged, and what `take` throws
 */
export async function readImageTree(
  image: SquashfsImage,
  take: (file: FileInode) => Promise<ContentId>,
  options: { readonly signal?: AbortSignal } = {},
): Promise<FsTree> {
  const attributesOf = (inode: Inode) => imageInodeAttributes(image, inode, take);

  let tree: FsTree | undefined;
  /** Inodes of several names, by ref. */
  const linked = new Map<number, InodeId>();
  /** The directories that lead to the entry at hand, the root first. */
  const parents: NodeId[] = [FsTree.root];
  for await (const { path, inode } of image.walk("", options)) {
    if (tree === undefined) {
      tree = new FsTree(await attributesOf(inode));
      continue;
    }
    const slash = path.lastIndexOf("/");
    const depth = slash < 0 ? 0 : countSlashes(path);
    const known = linked.get(inode.ref);
    const id = known ?? tree.inodes.add(await attributesOf(inode));
    const node = tree.add(parents[depth] as NodeId, path.slice(slash + 1), id);
    if (inode.kind === "directory") parents[depth + 1] = node;
    else if (known === undefined && inode.linkCount > 1) linked.set(inode.ref, id);
  }
  return tree ?? new FsTree();
}

/** All of an image's inode but its names; `take` stores the content of a file that has one. */
export async function imageInodeAttributes(
  image: SquashfsImage,
  inode: Inode,
  take: (file: FileInode) => Promise<ContentId>,
): Promise<InodeAttributes> {
  const { mode, uid, gid, mtimeSec } = inode;
  // Filled in place: objects made by spreading have a class each, in V8, and there is one for every inode.
  const attributes: Writable<InodeAttributes> = { kind: InodeKind[inode.kind], mode, uid, gid, mtimeSec };
  if (inode.xattrIndex !== undefined) attributes.xattrs = await image.xattrs(inode);
  if (inode.kind === "file" && inode.size > 0) {
    attributes.size = inode.size;
    attributes.content = await take(inode);
  } else if (inode.kind === "symlink") attributes.target = inode.target;
  else if (inode.kind === "charDevice" || inode.kind === "blockDevice") {
    attributes.deviceMajor = inode.deviceMajor;
    attributes.deviceMinor = inode.deviceMinor;
  }
  return attributes;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function countSlashes(path: string): number {
  let count = 0;
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) count++;
  return count;
}
