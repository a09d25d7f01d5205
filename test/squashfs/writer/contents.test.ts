import { describe, expect, it } from "vitest";
import type { BodyPart } from "../../../src/bytes/file-body.ts";
import { bytesAccess } from "../../../src/bytes/random-access.ts";
import { FsTree } from "../../../src/fstree/tree.ts";
import { MemorySink } from "../../../src/sink/memory-sink.ts";
import { SquashfsImage } from "../../../src/squashfs/reader/image.ts";
import type { FileInode } from "../../../src/squashfs/reader/inode.ts";
import { SquashfsWriter } from "../../../src/squashfs/writer.ts";
import { createBlockEncoder } from "../../../src/wasm/create-block-encoder.ts";
import { treeOfImage } from "../../support/squashfs-tree.ts";
import { buildImage, expectedTree, type Item, type Items, noise, prose, testCore } from "./image-builder.ts";

const BLOCK = 4096;

async function expectRoundTrip(items: Items, options: Parameters<typeof buildImage>[1] = {}) {
  const built = await buildImage(items, options);
  expect(await treeOfImage(built.bytes)).toEqual(expectedTree(items));
  const image = await SquashfsImage.open(bytesAccess(built.bytes));
  await image.verifyContent();
  return { ...built, file: async (path: string) => (await image.stat(path)) as FileInode };
}

const SIZES = [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK - 1, 2 * BLOCK, 9 * BLOCK + 17, 40 * BLOCK];
const FILLS: Record<string, (size: number, seed: number) => Uint8Array> = {
  prose,
  noise,
  zeros: (size) => new Uint8Array(size),
};

describe("SquashfsWriter.contents.add()", () => {
  it.each(Object.keys(FILLS))("takes files of all sizes around the block size: %s", async (fill) => {
    const items: Record<string, Item> = {};
    for (const [seed, size] of SIZES.entries())
      items[`f${size}`] = { kind: "file", content: (FILLS[fill] as (typeof FILLS)[string])(size, seed) };
    await expectRoundTrip(items);
  });

  it("stores incompressible blocks as they are", async () => {
    const { report } = await expectRoundTrip({ a: { kind: "file", content: noise(20 * BLOCK, 1) } });
    expect(report.bytesUsed).toBeGreaterThan(20 * BLOCK);
    expect(report.bytesUsed).toBeLessThan(20 * BLOCK + 500);
  });

  it("copies a small file that has to wait, even from a Buffer", async () => {
    const core = testCore(BLOCK);
    const compression = { kind: "gzip", level: "default" } as const;
    const encoder = createBlockEncoder({ compression, blockSize: BLOCK, workers: 0, core });
    const sink = new MemorySink();
    const writer = new SquashfsWriter({ sink, encoder, compression, core });
    const tree = new FsTree();
    const large = await writer.contents.add(BLOCK, noise(BLOCK, 1));
    const reused = Buffer.from("first");
    const small = await writer.contents.add(5, reused);
    reused.fill(0xee);
    for (const [name, content, size] of [
      ["large", large, BLOCK],
      ["small", small, 5],
    ] as const)
      tree.add(FsTree.root, name, tree.inodes.add({ kind: 2, mode: 0, uid: 0, gid: 0, mtimeSec: 0, content, size }));
    await writer.finish(tree, { mtimeSec: 0 });
    const image = await SquashfsImage.open(bytesAccess(sink.bytes));
    expect(Buffer.from(await image.readWhole("small")).toString()).toBe("first");
  });

  it("packs small files and tails into shared fragment blocks", async () => {
    const items: Record<string, Item> = {};
    for (let i = 0; i < 40; i++) items[`f${i}`] = { kind: "file", content: prose(1000 + i, i) };
    const { report, file } = await expectRoundTrip(items);
    expect(report.fragmentCount).toBe(12);
    expect((await file("f39")).fragment?.index).toBe(11);
  });

  describe("holes", () => {
    const hole = (zeros: number): BodyPart => ({ zeros });
    it.each<[string, BodyPart[], number]>([
      ["nothing but a hole", [hole(10 * BLOCK)], 10 * BLOCK],
      ["a hole with a short end", [hole(10 * BLOCK + 5)], 10 * BLOCK + 5],
      ["a small hole", [hole(5)], 5],
      ["zeros that came as bytes", [new Uint8Array(3 * BLOCK)], 3 * BLOCK],
      ["a hole behind data", [prose(BLOCK, 1), hole(2 * BLOCK)], 2 * BLOCK],
      ["a hole between data", [prose(BLOCK, 1), hole(BLOCK), prose(10, 1)], BLOCK],
      ["a hole inside a block", [prose(10, 1), hole(BLOCK - 20), prose(10, 1)], 0],
      ["a hole that only meets the next block", [prose(10, 1), hole(BLOCK - 10), prose(BLOCK, 2)], 0],
      ["a hole across blocks", [prose(10, 1), hole(3 * BLOCK), prose(10, 1)], 2 * BLOCK],
      ["holes in a row", [hole(1000), hole(3096), hole(1), hole(BLOCK - 1), prose(2, 1)], 2 * BLOCK],
    ])("takes %s", async (_what, content, sparse) => {
      const { file } = await expectRoundTrip({
        a: { kind: "file", content },
        b: { kind: "file", content: prose(7, 7) },
      });
      expect((await file("a")).sparseSize).toBe(sparse);
    });

    it("takes a hole of 128 GiB without touching its bytes", async () => {
      const content = [prose(10, 1), hole(2 ** 37), prose(10, 2)];
      const { bytes, report } = await buildImage({ a: { kind: "file", content } }, { blockSize: 131072 });
      expect(bytes.length).toBeLessThan(50_000);
      expect(report.contentSize).toBe(2 ** 37 + 20);
      const image = await SquashfsImage.open(bytesAccess(bytes));
      const inode = (await image.stat("a")) as FileInode;
      expect(inode.size).toBe(2 ** 37 + 20);
      const parts: string[] = [];
      for await (const part of image.fileParts(inode, { start: 2 ** 37 + 10 }))
        if (part instanceof Uint8Array) parts.push(Buffer.from(part).toString("latin1"));
      expect(parts.join("")).toBe(prose(10, 2).toString("latin1"));
    });

    it("refuses a file beyond 16 TiB", async () => {
      const content = [hole(2 ** 44 + 1)];
      await expect(buildImage({ a: { kind: "file", content } })).rejects.toMatchObject({ code: "FILE_TOO_LARGE" });
    });
  });

  describe("duplicates", () => {
    it.each([10, BLOCK - 1, BLOCK, 2 * BLOCK + 5, 40 * BLOCK + 9])(
      "stores equal files of %d bytes once",
      async (size) => {
        const content = noise(size, size);
        const once = await buildImage({ a: { kind: "file", content } });
        const items: Record<string, Item> = {};
        for (const name of ["a", "b", "c"]) items[name] = { kind: "file", content };
        items["other"] = { kind: "file", content: noise(size, 99) };
        const { report, file } = await expectRoundTrip(items);
        const [a, c] = [await file("a"), await file("c")];
        expect([c.blocksStart, c.fragment]).toEqual([a.blocksStart, a.fragment]);
        expect(report.duplicateSize).toBe(2 * size);
        expect(report.bytesUsed - once.report.bytesUsed).toBeLessThan(size + 300);
      },
    );

    it("takes the write position back where a large file was there already", async () => {
      const content = noise(60 * BLOCK, 1);
      const { report } = await expectRoundTrip({ a: { kind: "file", content }, b: { kind: "file", content } });
      expect(report.rewoundSize).toBe(60 * BLOCK);
    });

    it("writes nothing in vain for files of a few blocks", async () => {
      const content = noise(3 * BLOCK, 1);
      const { report } = await expectRoundTrip(
        { a: { kind: "file", content }, b: { kind: "file", content } },
        { workers: 1 },
      );
      expect(report.rewoundSize).toBe(0);
      expect(report.duplicateSize).toBe(3 * BLOCK);
    });

    it("shares runs of blocks and tails between files that differ in the other", async () => {
      const [run1, run2] = [noise(5 * BLOCK, 1), noise(5 * BLOCK, 2)];
      const [tail1, tail2] = [noise(100, 3), noise(100, 4)];
      const both = (run: Buffer, tail: Buffer): Item => ({ kind: "file", content: Buffer.concat([run, tail]) });
      const items = { a: both(run1, tail1), b: both(run1, tail2), c: both(run2, tail1), d: both(run2, tail2) };
      const { report, file } = await expectRoundTrip({ ...items, tail: { kind: "file", content: tail2 } });
      expect((await file("b")).blocksStart).toBe((await file("a")).blocksStart);
      expect((await file("c")).fragment).toEqual((await file("a")).fragment);
      expect((await file("tail")).fragment).toEqual((await file("b")).fragment);
      expect(report.duplicateSize).toBe(10 * BLOCK + 300);
    });

    it("tells apart a file and its beginning, and holes of different length", async () => {
      const bytes = noise(4 * BLOCK, 1);
      await expectRoundTrip({
        a: { kind: "file", content: bytes },
        b: { kind: "file", content: bytes.subarray(0, 3 * BLOCK) },
        c: { kind: "file", content: [{ zeros: 3 * BLOCK }, bytes.subarray(0, BLOCK)] },
        d: { kind: "file", content: [{ zeros: 2 * BLOCK }, bytes.subarray(0, BLOCK)] },
        e: { kind: "file", content: [{ zeros: 2 * BLOCK + 1 }] },
        f: { kind: "file", content: [{ zeros: 2 * BLOCK + 2 }] },
        g: { kind: "file", content: [{ zeros: 3 * BLOCK }] },
      });
    });

    it("shares the content of hard links without asking", async () => {
      const { file } = await expectRoundTrip({ a: { kind: "file", content: prose(9000, 1) }, z: { linkTo: "a" } });
      expect((await file("a")).ref).toBe((await file("z")).ref);
    });
  });
});
