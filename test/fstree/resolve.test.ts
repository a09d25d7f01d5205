import { describe, expect, it } from "vitest";
import { InodeKind } from "../../src/fstree/inodes.ts";
import { MAX_SYMLINK_HOPS } from "../../src/fstree/limits.ts";
import { resolvePath } from "../../src/fstree/resolve.ts";
import { FsTree, NO_NODE } from "../../src/fstree/tree.ts";

const owner = { mode: 0o755, uid: 0, gid: 0, mtimeSec: 0 } as const;

describe("resolvePath()", () => {
  const tree = new FsTree();
  const directory = (parent: number, name: string) =>
    tree.add(parent, name, tree.inodes.add({ kind: InodeKind.directory, ...owner }));
  const symlink = (parent: number, name: string, target: string) =>
    tree.add(parent, name, tree.inodes.add({ kind: InodeKind.symlink, target, ...owner }));
  const usr = directory(FsTree.root, "usr");
  const bin = directory(usr, "bin");
  const sh = tree.add(bin, "sh", tree.inodes.add({ kind: InodeKind.file, ...owner }));
  const binLink = symlink(FsTree.root, "bin", "usr/bin");
  symlink(usr, "up", "../../..");
  symlink(usr, "absolute", "/bin/sh");
  symlink(FsTree.root, "loop", "loop");
  symlink(FsTree.root, "hop0", "usr");
  for (let i = 1; i <= MAX_SYMLINK_HOPS; i++) symlink(FsTree.root, `hop${i}`, `hop${i - 1}`);

  it.each([
    ["", FsTree.root],
    ["/", FsTree.root],
    ["usr/bin", bin],
    ["/usr//./bin/", bin],
    ["bin/sh", sh],
    ["usr/up/bin/sh", sh],
    ["../../usr", usr],
    ["usr/absolute", sh],
    ["usr/absolute/x", NO_NODE],
    ["usr/bin/sh/..", NO_NODE],
    ["bin", bin],
    ["nothing", NO_NODE],
    ["nothing/x", NO_NODE],
    ["loop", NO_NODE],
    ["loop/x", NO_NODE],
    [`hop${MAX_SYMLINK_HOPS - 1}`, usr],
    [`hop${MAX_SYMLINK_HOPS}`, NO_NODE],
  ])("%j", (path, expected) => {
    expect(resolvePath(tree, path)).toBe(expected);
  });

  it("stops at a last symlink when told to", () => {
    expect(resolvePath(tree, "bin", { followLast: false })).toBe(binLink);
    expect(resolvePath(tree, "bin/sh", { followLast: false })).toBe(sh);
  });
});
