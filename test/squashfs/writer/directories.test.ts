import { describe, expect, it } from "vitest";
import { bytesAccess } from "../../../src/bytes/random-access.ts";
import { SquashfsImage } from "../../../src/squashfs/reader/image.ts";
import type { DirectoryInode } from "../../../src/squashfs/reader/inode.ts";
import { treeOfImage } from "../../support/squashfs-tree.ts";
import { buildImage, expectedTree, type Item, type Items } from "./image-builder.ts";

function names(count: number, name: (i: number) => string): Items {
  const items: Record<string, Item> = { d: { kind: "directory" } };
  for (let i = 0; i < count; i++) items[`d/${name(i)}`] = { kind: "file", mode: i & 0o777 };
  return items;
}

describe("directories", () => {
  it.each([0, 1, 2, 255, 256, 257, 512, 513, 3000])("list %d names", async (count) => {
    const items = names(count, (i) => `name-${i}`);
    const { bytes } = await buildImage(items);
    expect(await treeOfImage(bytes)).toEqual(expectedTree(items));
  });

  it("sort bytewise, not by letters", async () => {
    const order = ["!", "A", "B", "a", "a!", "a.b", "aa", "\x7f", "\xc3\xa4", "\xff"];
    const items: Record<string, Item> = {};
    for (const name of [...order].reverse()) items[name] = { kind: "file" };
    const { bytes } = await buildImage(items);
    const image = await SquashfsImage.open(bytesAccess(bytes));
    const found: string[] = [];
    for await (const entry of image.readdir("")) found.push(entry.name);
    expect(found).toEqual(order);
  });

  it.each([
    ["fits one metadata block", 400, false],
    ["fills two", 1000, true],
  ])("have an index where the listing %s", async (_what, count, indexed) => {
    const { bytes } = await buildImage(names(count, (i) => `n${i}`.padEnd(8, "_")));
    const dir = (await (await SquashfsImage.open(bytesAccess(bytes))).stat("d")) as DirectoryInode;
    expect(dir.indexCount > 0).toBe(indexed);
  });

  it("list names of 255 bytes, and more of them than a basic inode can count", async () => {
    const items = names(600, (i) => `${i}`.padStart(255, "x"));
    const { bytes } = await buildImage(items);
    expect(await treeOfImage(bytes)).toEqual(expectedTree(items));
  });

  it("of 100,000 names have an index that finds each", async () => {
    const { bytes } = await buildImage(names(100_000, (i) => `entry-${i}`));
    const image = await SquashfsImage.open(bytesAccess(bytes));
    const dir = (await image.stat("d")) as DirectoryInode;
    expect(dir.listingSize).toBeGreaterThan(1_500_000);
    expect(dir.indexCount).toBeGreaterThan(Math.floor(dir.listingSize / 8192 / 1.2));
    for (const i of [0, 1, 9, 10, 99, 4321, 50_000, 77_777, 99_998, 99_999])
      expect(await image.stat(`d/entry-${i}`)).toMatchObject({ mode: i & 0o777 });
    expect(await image.lookup("d/entry-100000")).toBeUndefined();
    let count = 0;
    for await (const _ of image.readdir("d")) count++;
    expect(count).toBe(100_000);
  });

  it("list links to inodes far away, whose numbers and places differ widely", async () => {
    const items: Record<string, Items[string]> = { a: { kind: "directory" }, z: { kind: "directory" } };
    for (let i = 0; i < 40_000; i++) items[`a/${i}`] = { kind: "file", mode: i & 0o777 };
    for (const i of [0, 7, 20_000, 39_999]) items[`z/${i}`] = { linkTo: `a/${i}` };
    items["z/own"] = { kind: "file", mode: 0o111 };
    const { bytes } = await buildImage(items);
    const image = await SquashfsImage.open(bytesAccess(bytes));
    for (const i of [0, 7, 20_000, 39_999])
      expect(await image.stat(`z/${i}`)).toMatchObject({ linkCount: 2, mode: i & 0o777 });
    expect(await image.stat("z/own")).toMatchObject({ mode: 0o111, linkCount: 1 });
    await image.verifyContent();
  });

  it("name their parents and count their subdirectories", async () => {
    const items: Record<string, Item> = { a: { kind: "directory" }, "a/b": { kind: "directory" } };
    for (let i = 0; i < 300; i++) items[`a/b/${i}`] = { kind: "directory" };
    const { bytes } = await buildImage(items);
    const image = await SquashfsImage.open(bytesAccess(bytes));
    const [root, a, b] = [await image.root(), await image.stat("a"), await image.stat("a/b")];
    expect(root.parentInodeNumber).toBe(304);
    expect([root.linkCount, a.linkCount, b.linkCount]).toEqual([3, 3, 302]);
    expect((b as DirectoryInode).parentInodeNumber).toBe(a.inodeNumber);
    expect((a as DirectoryInode).parentInodeNumber).toBe(root.inodeNumber);
  });
});
