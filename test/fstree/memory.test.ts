import { expect, it } from "vitest";
import { InodeKind } from "../../src/fstree/inodes.ts";
import { FsTree } from "../../src/fstree/tree.ts";
import { liveMemory } from "../support/live-memory.ts";

it("FsTree takes at most 100 bytes per file beyond its name", () => {
  const before = liveMemory();
  const tree = new FsTree();
  const count = 300_000;
  let nameBytes = 0;
  let dir = FsTree.root;
  for (let i = 0; i < count; i++) {
    const name = `name-${i}.py`;
    nameBytes += name.length;
    const kind = i % 100 === 0 ? InodeKind.directory : InodeKind.file;
    const inode = tree.inodes.add({ kind, mode: 0o644, uid: 0, gid: 0, mtimeSec: i, content: i, size: i });
    const node = tree.add(kind === InodeKind.directory ? FsTree.root : dir, name, inode);
    if (kind === InodeKind.directory) dir = node;
  }
  const perFile = (liveMemory() - before - nameBytes) / count;
  // An inode alone takes that: less would mean that the tree was not counted.
  expect(perFile).toBeGreaterThanOrEqual(16);
  expect(perFile).toBeLessThanOrEqual(100);
  expect(tree.nodeCount).toBe(count + 1);
});
