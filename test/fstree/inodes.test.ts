import { describe, expect, it } from "vitest";
import { InodeKind, InodeTable } from "../../src/fstree/inodes.ts";

const bytes = (text: string) => Buffer.from(text, "latin1");

describe("InodeTable", () => {
  it("keeps what it is given, at the ends of each range", () => {
    const table = new InodeTable();
    const max = 2 ** 32 - 1;
    const file = table.add({
      kind: InodeKind.file,
      mode: 0o7777,
      uid: max,
      gid: 3_000_000_000,
      mtimeSec: max,
      size: 2 ** 53 - 1,
      content: max,
      elfArch: 13,
    });
    const link = table.add({
      kind: InodeKind.symlink,
      mode: 0o777,
      uid: 1,
      gid: 2,
      mtimeSec: 0,
      target: "/\xff/x".repeat(100_000),
    });
    const device = table.add({
      kind: InodeKind.charDevice,
      mode: 0,
      uid: 0,
      gid: 0,
      mtimeSec: 5,
      deviceMajor: 4095,
      deviceMinor: 2 ** 20 - 1,
    });
    expect([table.kind(file), table.mode(file), table.uid(file), table.gid(file), table.mtimeSec(file)]).toEqual([
      2,
      0o7777,
      max,
      3_000_000_000,
      max,
    ]);
    expect([table.size(file), table.content(file), table.elfArch(file)]).toEqual([2 ** 53 - 1, max, 13]);
    expect([table.target(link), table.size(link), table.content(link)]).toEqual([
      "/\xff/x".repeat(100_000),
      400_000,
      0,
    ]);
    expect([table.deviceMajor(device), table.deviceMinor(device), table.size(device)]).toEqual([4095, 2 ** 20 - 1, 0]);
    expect(table.count).toBe(3);
    table.setMode(file, 0o644);
    table.setOwner(file, 7, 8);
    table.setMtime(file, 9);
    expect([
      table.kind(file),
      table.mode(file),
      table.uid(file),
      table.gid(file),
      table.mtimeSec(file),
      table.elfArch(file),
    ]).toEqual([2, 0o644, 7, 8, 9, 13]);
  });

  it("interns equal xattr sets, whatever their order", () => {
    const table = new InodeTable();
    const base = { kind: InodeKind.file, mode: 0, uid: 0, gid: 0, mtimeSec: 0 } as const;
    const a = { name: "user.a", value: bytes("\0\xff") };
    const b = { name: "user.b", value: bytes("") };
    const none = table.add({ ...base, xattrs: [] });
    const one = table.add({ ...base, xattrs: [a, b] });
    const two = table.add({ ...base, xattrs: [b, { name: "user.a", value: bytes("old") }, a] });
    expect([table.xattrSet(none), table.xattrSet(one), table.xattrSet(two), table.xattrSetCount]).toEqual([0, 1, 1, 1]);
    expect(table.xattrsOf(1).map(({ name, value }) => [name, [...value]])).toEqual([
      ["user.a", [0, 255]],
      ["user.b", []],
    ]);
    expect(table.xattrsOf(0)).toEqual([]);
  });

  it("keeps 5,000 different xattr sets apart", () => {
    const table = new InodeTable();
    const base = { kind: InodeKind.file, mode: 0, uid: 0, gid: 0, mtimeSec: 0 } as const;
    for (let i = 0; i < 5000; i++)
      table.add({ ...base, xattrs: [{ name: "security.ima", value: bytes(`signature ${i}`) }] });
    expect(table.xattrSetCount).toBe(5000);
    expect(Buffer.from(table.xattrsOf(table.xattrSet(4321))[0]?.value ?? []).toString()).toBe("signature 4321");
  });
});
