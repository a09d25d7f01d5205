import { describe, expect, it } from "vitest";
import { clampMtimes, fixPermissions, ownByRoot } from "../../src/fstree/adjust.ts";
import { InodeKind, InodeTable } from "../../src/fstree/inodes.ts";

function table(kind: InodeKind, mode: number, mtimeSec = 5) {
  const inodes = new InodeTable();
  inodes.add({ kind, mode, uid: 7, gid: 8, mtimeSec });
  return inodes;
}

describe("fixPermissions()", () => {
  it.each([
    ["a closed directory", InodeKind.directory, 0o000, 0o700],
    ["a sticky directory", InodeKind.directory, 0o1777, 0o777],
    ["an unreadable file", InodeKind.file, 0o000, 0o600],
    ["a set-uid file", InodeKind.file, 0o4755, 0o755],
    ["a symlink", InodeKind.symlink, 0o777, 0o777],
    ["a device", InodeKind.charDevice, 0o000, 0o000],
  ])("of %s", (_name, kind, mode, expected) => {
    const inodes = table(kind, mode);
    fixPermissions(inodes);
    expect(inodes.mode(0)).toBe(expected);
  });
});

describe("ownByRoot()", () => {
  it("sets both ids of every inode to 0", () => {
    const inodes = table(InodeKind.file, 0o644);
    ownByRoot(inodes);
    expect([inodes.uid(0), inodes.gid(0)]).toEqual([0, 0]);
  });
});

describe("clampMtimes()", () => {
  it.each([
    [4, 4],
    [5, 5],
    [6, 5],
  ])("turns %d into %d at 5", (mtimeSec, expected) => {
    const inodes = table(InodeKind.file, 0o644, mtimeSec);
    clampMtimes(inodes, 5);
    expect(inodes.mtimeSec(0)).toBe(expected);
  });
});
