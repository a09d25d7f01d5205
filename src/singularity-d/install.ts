import type { ByteString } from "../bytes/byte-string.ts";
import type { ContentStore } from "../fstree/content.ts";
import { type InodeAttributes, InodeKind } from "../fstree/inodes.ts";
import { resolvePath } from "../fstree/resolve.ts";
import { FsTree, NO_NODE, type NodeId } from "../fstree/tree.ts";
import type { ContainerFile, ContainerFiles } from "./container-files.ts";
import { SingularityDError } from "./errors.ts";
import { makeDirectories } from "./make-directories.ts";

/** Directories that every container has, made 0755 where the image lacks them. */
const DIRECTORIES: readonly ByteString[] = [
  ".singularity.d",
  ".singularity.d/libs",
  ".singularity.d/actions",
  ".singularity.d/env",
  "dev",
  "proc",
  "root",
  "var",
  "var/tmp",
  "tmp",
  "etc",
  "sys",
  "home",
];

/** Links at the root that old runtimes and users know. */
const LINKS: readonly (readonly [name: ByteString, target: ByteString])[] = [
  ["singularity", ".singularity.d/runscript"],
  [".run", ".singularity.d/actions/run"],
  [".exec", ".singularity.d/actions/exec"],
  [".test", ".singularity.d/actions/test"],
  [".shell", ".singularity.d/actions/shell"],
  ["environment", ".singularity.d/env/90-environment.sh"],
];

const OWNER_WRITE = 0o200;

/** Where new contents go, and the time that new entries carry. */
export interface InstallOptions {
  readonly contents: ContentStore;
  readonly mtimeSec: number;
  /** Files that give way to those that are there, which get their mode only: a container made from a container. */
  readonly keeps?: (path: ByteString) => boolean;
}

/**
 * Adds to an image's merged tree what makes it a container: directories and links where they are missing,
 * files over what the image has at their paths. Everything else, times of existing directories included,
 * stays as the layers made it. Resolves when the contents are stored.
 * @throws SingularityDError NOT_A_DIRECTORY, IS_A_DIRECTORY
 */
export async function installSingularity(tree: FsTree, files: ContainerFiles, options: InstallOptions): Promise<void> {
  const { mtimeSec } = options;
  fitRoot(tree, mtimeSec);
  const directory: InodeAttributes = { kind: InodeKind.directory, mode: 0o755, uid: 0, gid: 0, mtimeSec };
  for (const path of DIRECTORIES) makeDirectories(tree, path, directory);
  for (const [name, target] of LINKS) {
    // An image's own entry of that name stays, even a link that leads nowhere yet.
    if (tree.lookup(FsTree.root, name) !== NO_NODE) continue;
    const link = { kind: InodeKind.symlink, mode: 0o777, uid: 0, gid: 0, mtimeSec, target };
    tree.add(FsTree.root, name, tree.inodes.add(link));
  }
  keepFormerDefinition(tree, directory);
  for (const file of files.entries) await installFile(tree, file, options);
}

/** The runtime must be able to add mount points: the owner may write to the root. */
function fitRoot(tree: FsTree, mtimeSec: number): void {
  const root = tree.inode(FsTree.root);
  tree.inodes.setMode(root, tree.inodes.mode(root) | OWNER_WRITE);
  if (tree.inodes.mtimeSec(root) === 0) tree.inodes.setMtime(root, mtimeSec); // no layer named the root
}

/** An image made from a SIF brings its definition along: it moves to the history, as Apptainer has it. */
function keepFormerDefinition(tree: FsTree, directory: InodeAttributes): void {
  const folder = resolvePath(tree, ".singularity.d");
  const former = tree.lookup(folder, "Singularity");
  if (former === NO_NODE || tree.isDirectory(former)) return;
  const history = makeDirectories(tree, ".singularity.d/bootstrap_history", directory);
  let number = tree.sortedChildren(history).length;
  while (tree.lookup(history, `Apptainer${number}`) !== NO_NODE) number++;
  tree.add(history, `Apptainer${number}`, tree.inode(former));
  tree.remove(former);
}

/** Writes one file over what the tree has at its path, whose folder is there. */
export async function installFile(
  tree: FsTree,
  file: ContainerFile,
  { contents, mtimeSec, keeps }: InstallOptions,
): Promise<void> {
  const { path, mode, content } = file;
  const slash = path.lastIndexOf("/");
  const folder = resolvePath(tree, path.slice(0, slash));
  const name = path.slice(slash + 1);
  const existing = overwritten(tree, path, folder, name);
  const kept = keeps?.(path) === true ? resolvePath(tree, path) : NO_NODE;
  if (kept !== NO_NODE) {
    if (tree.inodes.kind(tree.inode(kept)) === InodeKind.file) tree.inodes.setMode(tree.inode(kept), mode);
    return;
  }
  // As when a program writes to a file: its owner stays. Other names of a hard link keep the former content.
  const owner =
    existing !== NO_NODE && tree.inodes.kind(tree.inode(existing)) === InodeKind.file
      ? tree.inode(existing)
      : undefined;
  const inode = tree.inodes.add({
    kind: InodeKind.file,
    mode,
    uid: owner === undefined ? 0 : tree.inodes.uid(owner),
    gid: owner === undefined ? 0 : tree.inodes.gid(owner),
    mtimeSec,
    size: content.length,
    content: content.length === 0 ? 0 : await contents.add(content.length, content),
  });
  if (existing === NO_NODE) tree.add(folder, name, inode);
  else tree.setInode(existing, inode);
}

/**
 * The node whose place a file takes. Below /etc a link is followed if it leads to a file, since images
 * share `resolv.conf` that way; elsewhere, or leading nowhere, the link itself gives way.
 * Deviates: Apptainer writes through links below /.singularity.d, too, even out of the image.
 */
function overwritten(tree: FsTree, path: ByteString, folder: NodeId, name: ByteString): NodeId {
  const node = tree.lookup(folder, name);
  if (node === NO_NODE) return NO_NODE;
  if (tree.isDirectory(node)) throw new SingularityDError("IS_A_DIRECTORY", { path });
  const target = path.startsWith("etc/") ? resolvePath(tree, path) : NO_NODE;
  const leadsToFile = target !== NO_NODE && tree.inodes.kind(tree.inode(target)) === InodeKind.file;
  return leadsToFile ? target : node;
}
