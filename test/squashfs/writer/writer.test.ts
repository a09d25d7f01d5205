import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { bytesAccess } from "../../../src/bytes/random-access.ts";
import { METADATA_STORED, SUPERBLOCK, SuperblockFlag } from "../../../src/squashfs/format.ts";
import { SquashfsImage } from "../../../src/squashfs/reader/image.ts";
import type { Compression } from "../../../src/wasm/compression.ts";
import { treeOfImage } from "../../support/squashfs-tree.ts";
import { buildImage, expectedTree, type Item, type Items, noise, prose, xattr } from "./image-builder.ts";

/** Builds, reads back and compares everything; the reader also checks the whole image for contradictions. */
async function expectRoundTrip(items: Items, options: Parameters<typeof buildImage>[1] = {}) {
  const built = await buildImage(items, options);
  expect(await treeOfImage(built.bytes)).toEqual(expectedTree(items, options.root));
  const image = await SquashfsImage.open(bytesAccess(built.bytes));
  await image.verifyContent();
  return { ...built, image };
}

/** sif-format.md's minimal image: mksquashfs's own, an empty root. */
const EMPTY_ROOT =
  "687371730100000000f15365000002000000000001001100c00001000400000000000000000000009c00000000000000" +
  "9400000000000000ffffffffffffffff60000000000000007c000000000000007c00000000000000860000000000000" +
  "01a0078da636478cbc800021f8353210c060626206686d200418102a1088000000000000000007c0000000000000004" +
  "80000000008e00000000000000";

describe("SquashfsWriter.finish()", () => {
  it("writes the image that mksquashfs writes for an empty root", async () => {
    const golden = Buffer.from(EMPTY_ROOT, "hex");
    const root: Item = { kind: "directory", mode: 0o755, mtimeSec: 1_700_000_000 };
    const { bytes, report } = await buildImage({}, { blockSize: 131072, root });
    expect(bytes.length).toBe(4096);
    expect(report.bytesUsed).toBe(golden.length);
    expect(SUPERBLOCK.read(bytes)).toEqual(SUPERBLOCK.read(golden));
    // The zlib streams may differ; what is in them, and all around them, may not.
    expect(inodesOf(bytes)).toEqual(inodesOf(golden));
    const { directoryTableStart } = SUPERBLOCK.read(golden);
    expect(Buffer.from(bytes.subarray(Number(directoryTableStart), golden.length))).toEqual(
      golden.subarray(Number(directoryTableStart)),
    );
  });

  function inodesOf(image: Uint8Array): Buffer {
    const start = Number(SUPERBLOCK.read(image).inodeTableStart);
    const header = (image[start] as number) | ((image[start + 1] as number) << 8);
    const block = image.subarray(start + 2, start + 2 + (header & ~METADATA_STORED));
    return header & METADATA_STORED ? Buffer.from(block) : inflateSync(block);
  }

  const KINDS: Items = {
    dir: { kind: "directory", mode: 0o1777 },
    "dir/sub": { kind: "directory", mode: 0 },
    file: { kind: "file", mode: 0o4755, content: prose(10, 1) },
    empty: { kind: "file" },
    symlink: { kind: "symlink", target: "dir/\xff no UTF-8" },
    block: { kind: "blockDevice", device: [8, 1] },
    char: { kind: "charDevice", device: [4095, 1048575] },
    fifo: { kind: "fifo", uid: 4294967295, gid: 65536 },
    socket: { kind: "socket", mtimeSec: 4294967295 },
  };

  it("writes every kind of file, as basic inodes", async () => {
    const { report } = await expectRoundTrip(KINDS);
    expect(report.inodeCount).toBe(Object.keys(KINDS).length + 1);
  });

  it("writes every kind of file with attributes and with several names, as extended inodes", async () => {
    const attributes = [xattr("security.selinux", "label"), xattr("user.a", ""), xattr("trusted.b", noise(300, 1))];
    const items: Record<string, Items[string]> = {};
    for (const [path, item] of Object.entries(KINDS)) {
      items[path] = { ...(item as Item), xattrs: attributes };
      if ((item as Item).kind !== "directory") items[`dir/${path}-2`] = { linkTo: path };
    }
    const root: Item = { kind: "directory", xattrs: attributes };
    const { image } = await expectRoundTrip(items, { root });
    expect((await image.stat("dir/fifo-2")).linkCount).toBe(2);
    expect((await image.stat("dir")).linkCount).toBe(3);
  });

  it.each<[string, Compression, number]>([
    ["gzip", { kind: "gzip", level: "fast" }, 0],
    ["gzip", { kind: "gzip", level: "best" }, 0],
    ["none", { kind: "none" }, SuperblockFlag.uncompressedData | SuperblockFlag.uncompressedInodes],
  ])("says %s in the superblock and keeps to it", async (_name, compression, flags) => {
    const { bytes } = await expectRoundTrip({ a: { kind: "file", content: prose(30_000, 3) } }, { compression });
    const superblock = SUPERBLOCK.read(bytes);
    expect(superblock.compressor).toBe(1);
    expect(superblock.flags & flags).toBe(flags);
    expect(superblock.flags & 0xc0).toBe(0xc0);
  });

  it.each([4096, 131072, 1048576])("takes blocks of %d bytes", async (blockSize) => {
    const content = Buffer.concat([prose(blockSize * 2 + 5, 1), noise(blockSize, 2)]);
    await expectRoundTrip(
      { a: { kind: "file", content }, b: { kind: "file", content: content.subarray(7) } },
      { blockSize },
    );
  });

  it.each([2048, 4097, 12288, 2097152])("refuses blocks of %d bytes", async (blockSize) => {
    await expect(buildImage({}, { blockSize })).rejects.toThrow(RangeError);
  });

  it("pads to 4096 bytes and does not count the padding", async () => {
    const { bytes, report } = await buildImage({ a: { kind: "file", content: noise(5000, 1) } });
    expect(bytes.length % 4096).toBe(0);
    expect(report.size).toBe(bytes.length);
    expect(bytes.length - report.bytesUsed).toBeLessThan(4096);
    expect(bytes.subarray(report.bytesUsed).every((byte) => byte === 0)).toBe(true);
  });

  it("writes a deep tree without recursion", async () => {
    const items: Record<string, Item> = {};
    let path = "d";
    for (let depth = 0; depth < 3000; depth++, path += "/d") items[path] = { kind: "directory" };
    const { report, bytes } = await buildImage(items);
    expect(report.inodeCount).toBe(3001);
    let count = 0;
    const image = await SquashfsImage.open(bytesAccess(bytes));
    for await (const _ of image.walk()) count++;
    expect(count).toBe(3001);
  });

  it("counts what it took and tells it", async () => {
    const { report, events } = await buildImage({
      a: { kind: "file", content: prose(9000, 1) },
      b: { kind: "file", content: prose(9000, 1) },
    });
    expect(report).toMatchObject({ contentSize: 18000, duplicateSize: 9000, idCount: 1, fragmentCount: 1 });
    expect(events).toContainEqual({ kind: "stage", stage: "tables" });
    expect(events).toContainEqual(expect.objectContaining({ kind: "encode-progress", read: 18000 }));
  });
});

describe("inodes", () => {
  it.each([
    ["an empty target", { kind: "symlink", target: "" }, "TARGET_TOO_LONG"],
    ["a target of 4096 bytes", { kind: "symlink", target: "x".repeat(4096) }, "TARGET_TOO_LONG"],
    ["a major number of 4096", { kind: "charDevice", device: [4096, 0] }, "DEVICE_OUT_OF_RANGE"],
    ["a minor number of 1048576", { kind: "blockDevice", device: [0, 1048576] }, "DEVICE_OUT_OF_RANGE"],
  ] satisfies [string, Item, string][])("refuse %s, naming the path", async (_what, item, code) => {
    await expect(buildImage({ d: { kind: "directory" }, "d/x": item as Item })).rejects.toMatchObject({
      code,
      message: expect.stringContaining('"d/x"'),
    });
  });

  it("take a target of 4095 bytes", async () => {
    await expectRoundTrip({ x: { kind: "symlink", target: "x".repeat(4095) } });
  });

  /** Files i with uid base + 2i and gid base + 2i + 1. */
  function ids(count: number): Items {
    const items: Record<string, Item> = {};
    for (let i = 0; i < count; i++) items[`f${i}`] = { kind: "file", uid: 2 * i, gid: 2 * i + 1 };
    return items;
  }

  it("take 65535 ids and refuse one more, naming the file", async () => {
    const most = ids(32767);
    const last: Item = { kind: "file", uid: 65534 };
    const { bytes, report } = await buildImage({ ...most, zz: last });
    expect(report.idCount).toBe(65535);
    expect(await (await SquashfsImage.open(bytesAccess(bytes))).stat("zz")).toMatchObject({ uid: 65534 });
    const more: Items = { ...most, zz: { ...last, gid: 65535 } };
    await expect(buildImage(more)).rejects.toMatchObject({
      code: "TOO_MANY_IDS",
      message: expect.stringContaining('"zz"'),
    });
  });
});
