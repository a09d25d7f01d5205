import { describe, expect, it } from "vitest";
import { restoreOwners, takeOwners } from "../../src/build/stage-owners.ts";
import { InodeKind } from "../../src/fstree/inodes.ts";
import { FsTree } from "../../src/fstree/tree.ts";

const attributes = (uid: number, gid: number, kind: InodeKind = InodeKind.file) => ({
  ...{ kind, mode: 0o644, uid, gid, mtimeSec: 0 },
});
const owner = (tree: FsTree, node: number) => [tree.inodes.uid(tree.inode(node)), tree.inodes.gid(tree.inode(node))];

describe("takeOwners(), restoreOwners()", () => {
  it("give files that are still there back to their owners, new ones stay root's", () => {
    const tree = new FsTree(attributes(9, 0, InodeKind.directory));
    const folder = tree.add(FsTree.root, "d", tree.inodes.add(attributes(0, 5, InodeKind.directory)));
    const shared = tree.inodes.add(attributes(7, 8));
    const kept = tree.add(folder, "kept", shared);
    tree.add(FsTree.root, "link", shared);
    const gone = tree.add(folder, "gone", tree.inodes.add(attributes(1, 1)));
    const owners = takeOwners(tree);
    for (const node of [FsTree.root, folder, kept, gone]) expect(owner(tree, node)).toEqual([0, 0]);
    tree.remove(gone);
    const fresh = tree.add(folder, "fresh", tree.inodes.add(attributes(0, 0)));
    // Written anew under its old name.
    tree.setInode(kept, tree.inodes.add(attributes(0, 0)));
    restoreOwners(tree, owners);
    expect([FsTree.root, folder, kept, fresh].map((node) => owner(tree, node))).toEqual([
      [9, 0],
      [0, 5],
      [7, 8],
      [0, 0],
    ]);
  });
});
