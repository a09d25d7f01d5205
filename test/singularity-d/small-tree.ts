import type { ContentId } from "../../src/fstree/content.ts";
import { InodeKind } from "../../src/fstree/inodes.ts";
import { FsTree, NO_NODE, type NodeId } from "../../src/fstree/tree.ts";
import { KeptContents } from "./kept-contents.ts";

/** An entry of a hand-made image: a directory's mode, a link's target, or a file. */
export type Entry =
  | { readonly dir: number; readonly uid?: number }
  | { readonly link: string }
  | { readonly file: string | Uint8Array; readonly mode?: number; readonly uid?: number; readonly elfArch?: number }
  | { readonly fifo: number };

/** Time of everything in a hand-made image. */
export const LAYER_TIME_SEC = 1_500_000_000;

/** A tree of the given entries; directories that lead to them are made 0755. */
export async function smallTree(
  entries: Readonly<Record<string, Entry>>,
): Promise<{ readonly tree: FsTree; readonly contents: KeptContents }> {
  const tree = new FsTree();
  const contents = new KeptContents();
  for (const [path, entry] of Object.entries(entries)) {
    const names = path.split("/");
    const name = names.pop() as string;
    let folder: NodeId = FsTree.root;
    for (const step of names) {
      const next = tree.lookup(folder, step);
      folder = next === NO_NODE ? tree.add(folder, step, directory(tree, 0o755, 0)) : next;
    }
    if (name === "") continue;
    tree.add(folder, name, await inode(tree, contents, entry));
  }
  return { tree, contents };
}

function directory(tree: FsTree, mode: number, uid: number): number {
  return tree.inodes.add({ kind: InodeKind.directory, mode, uid, gid: uid, mtimeSec: LAYER_TIME_SEC });
}

async function inode(tree: FsTree, contents: KeptContents, entry: Entry): Promise<number> {
  const common = { uid: 0, gid: 0, mtimeSec: LAYER_TIME_SEC };
  if ("dir" in entry) return directory(tree, entry.dir, entry.uid ?? 0);
  if ("link" in entry) return tree.inodes.add({ ...common, kind: InodeKind.symlink, mode: 0o777, target: entry.link });
  if ("fifo" in entry) return tree.inodes.add({ ...common, kind: InodeKind.fifo, mode: entry.fifo });
  const bytes = typeof entry.file === "string" ? Buffer.from(entry.file) : entry.file;
  const content: ContentId = bytes.length === 0 ? 0 : await contents.add(bytes.length, bytes);
  const { mode = 0o644, uid = 0, elfArch = 0 } = entry;
  return tree.inodes.add({
    ...common,
    kind: InodeKind.file,
    mode,
    uid,
    gid: uid,
    size: bytes.length,
    content,
    elfArch,
  });
}
