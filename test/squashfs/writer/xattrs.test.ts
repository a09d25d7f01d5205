import { describe, expect, it } from "vitest";
import { bytesAccess } from "../../../src/bytes/random-access.ts";
import { NO_TABLE, SUPERBLOCK } from "../../../src/squashfs/format.ts";
import { SquashfsImage } from "../../../src/squashfs/reader/image.ts";
import { treeOfImage } from "../../support/squashfs-tree.ts";
import { buildImage, expectedTree, type Item, noise, xattr } from "./image-builder.ts";

describe("extended attributes", () => {
  it.each([0, 1, 8, 9, 64, 65, 128, 4096, 65536])("keep values of %d bytes, alone and repeated", async (size) => {
    const value = noise(size, size);
    const items: Record<string, Item> = {
      a: { kind: "file", xattrs: [xattr("user.one", value)] },
      b: { kind: "file", xattrs: [xattr("user.other", "x"), xattr("user.two", value)] },
      c: { kind: "file", xattrs: [xattr("trusted.two", value)] },
    };
    const { bytes } = await buildImage(items);
    expect(await treeOfImage(bytes)).toEqual(expectedTree(items));
  });

  it("store a repeated value once", async () => {
    const items = (count: number) => {
      const all: Record<string, Item> = {};
      for (let i = 0; i < count; i++)
        all[`f${i}`] = { kind: "file", xattrs: [xattr(`user.name${i}`, noise(30_000, 1))] };
      return all;
    };
    const [one, ten] = [await buildImage(items(1)), await buildImage(items(10))];
    expect(ten.report.bytesUsed - one.report.bytesUsed).toBeLessThan(1000);
    expect(await treeOfImage(ten.bytes)).toEqual(expectedTree(items(10)));
  });

  it("without a prefix that SquashFS has are left out with a warning", async () => {
    const acl = xattr("system.posix_acl_access", "acl");
    const { bytes, events } = await buildImage({
      a: { kind: "file", xattrs: [acl, xattr("user.a", "1")] },
      b: { kind: "file", xattrs: [acl] },
    });
    const tree = await treeOfImage(bytes);
    expect(tree["a"]?.xattrs).toEqual({ "user.a": "31" });
    expect(tree["b"]?.xattrs).toBeUndefined();
    const warnings = events.filter((event) => event.kind === "warning");
    expect(warnings).toEqual([
      { kind: "warning", message: expect.stringMatching(/system\.posix_acl_access \(of 2 sets/) },
    ]);
  });

  it("have no table where no file has any", async () => {
    const { bytes } = await buildImage({ b: { kind: "file", xattrs: [xattr("system.x", "1")] } });
    expect(SUPERBLOCK.read(bytes).xattrTableStart).toBe(NO_TABLE);
  });

  it.each([
    ["name", xattr(`user.${"n".repeat(251)}`, "")],
    ["value", xattr("user.v", new Uint8Array(65537))],
  ])("with a %s beyond Linux's limit are refused", async (what, attribute) => {
    await expect(buildImage({ x: { kind: "file", xattrs: [attribute] } })).rejects.toMatchObject({
      code: "XATTR_TOO_LARGE",
      message: expect.stringMatching(new RegExp(`of "x": its ${what} is`)),
    });
  });

  it("of 70,000 different sets are all found", async () => {
    const items: Record<string, Item> = {};
    for (let i = 0; i < 70_000; i++) items[`f${i}`] = { kind: "file", xattrs: [xattr("user.n", `value ${i}`)] };
    const { bytes } = await buildImage(items);
    const image = await SquashfsImage.open(bytesAccess(bytes));
    for (const i of [0, 511, 512, 32_767, 65_535, 65_536, 69_999]) {
      const [found] = await image.xattrs(`f${i}`);
      expect(Buffer.from(found?.value ?? []).toString()).toBe(`value ${i}`);
    }
  });
});
