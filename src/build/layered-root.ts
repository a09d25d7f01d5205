import { F64Column } from "../fstree/columns.ts";
import { type InodeId, InodeKind } from "../fstree/inodes.ts";
import { resolvePath } from "../fstree/resolve.ts";
import { type FsTree, NO_NODE } from "../fstree/tree.ts";
import { walkPostOrder } from "../fstree/walk.ts";
import { applyUpper } from "../layer/upper/apply-upper.ts";
import type { UpperMarks } from "../layer/upper/marks.ts";
import { inodeArchitecture } from "../sandbox/image-architecture.ts";
import { readImageTree } from "../sandbox/read-image-tree.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { FileInode } from "../squashfs/reader/inode.ts";
import type { TarEntry } from "../tar/entry.ts";
import type { Root, RootTarget } from "./root.ts";
import { isTextPath, MAX_TEXT_SIZE } from "./text-paths.ts";

/** What programs wrote on top of an image. */
export interface UpperLayer {
  readonly entries: AsyncIterable<TarEntry>;
  readonly marks: UpperMarks;
  /** For messages. */
  readonly name: string;
}

/**
 * The root that an overlay showed: an image, and what was written on top of it. What is new is compressed, what
 * stays of the image is taken over compressed where the target can, and what nobody sees any more is left behind.
 */
export async function fillLayered(
  image: SquashfsImage,
  upper: UpperLayer | undefined,
  target: RootTarget,
): Promise<Root> {
  const { contents, signal } = target;
  /** Places of the image's inodes; a file's number stands for its content until what stays is known. */
  const refs = new F64Column();
  let fileCount = 0;
  const note = async (file: FileInode) => {
    refs.set(++fileCount, file.ref);
    return fileCount;
  };
  const tree = await readImageTree(image, note, { signal });
  const { count: former } = tree.inodes;
  const texts = new Map<InodeId, Uint8Array>();
  if (upper !== undefined) {
    const { entries, marks, name } = upper;
    const { captured } = await applyUpper(tree, entries, { contents, marks, name, signal, capture: isTextPath });
    for (const [inode, content] of captured) texts.set(inode, content);
  }

  const { kept, textInodes } = keptFiles(tree, former);
  const inodeOf = async (id: InodeId) => (await image.inodeAt(refs.get(tree.inodes.content(id)))) as FileInode;
  const files = async function* (): AsyncGenerator<FileInode> {
    for (const inode of kept) yield inodeOf(inode);
  };
  const adopted = await target.adopt?.(image, files);
  for (const inode of textInodes) if (tree.inodes.size(inode) === 0) texts.set(inode, new Uint8Array(0));
  const shellNode = resolvePath(tree, "bin/sh");
  const shell = shellNode === NO_NODE ? undefined : tree.inode(shellNode);
  let isArchKnown = false;
  for (const inode of kept) {
    signal.throwIfAborted();
    const file = await inodeOf(inode);
    // That of the shell counts, else that of the first program: the others need no look.
    const arch: number = !isArchKnown || inode === shell ? await inodeArchitecture(image, file) : 0;
    isArchKnown ||= arch !== 0;
    if (textInodes.has(inode) && file.size <= MAX_TEXT_SIZE) texts.set(inode, await image.readWhole(file));
    const content =
      adopted === undefined ? await contents.add(file.size, image.fileParts(file)) : await adopted.add(file);
    tree.inodes.setContent(inode, content, arch);
  }
  return { tree, texts };
}

interface KeptFiles {
  /** In the order of their first names, without empty ones. */
  readonly kept: readonly InodeId[];
  readonly textInodes: ReadonlySet<InodeId>;
}

/** The image's files that still have a name. */
function keptFiles(tree: FsTree, former: number): KeptFiles {
  const seen = new Uint8Array(former);
  const kept: InodeId[] = [];
  const textInodes = new Set<InodeId>();
  for (const node of walkPostOrder(tree)) {
    const inode = tree.inode(node);
    if (inode >= former || tree.inodes.kind(inode) !== InodeKind.file) continue;
    if (isTextPath(tree.path(node))) textInodes.add(inode);
    if (seen[inode] === 1 || tree.inodes.size(inode) === 0) continue;
    seen[inode] = 1;
    kept.push(inode);
  }
  return { kept, textInodes };
}
