import { describe, expect, it } from "vitest";
import { bytesAccess } from "../../../src/bytes/random-access.ts";
import { InodeKind } from "../../../src/fstree/inodes.ts";
import { FsTree } from "../../../src/fstree/tree.ts";
import { MemorySink } from "../../../src/sink/memory-sink.ts";
import { SquashfsImage } from "../../../src/squashfs/reader/image.ts";
import type { FileInode } from "../../../src/squashfs/reader/inode.ts";
import { SquashfsWriter } from "../../../src/squashfs/writer.ts";
import { createBlockEncoder } from "../../../src/wasm/create-block-encoder.ts";
import { treeOfImage } from "../../support/squashfs-tree.ts";
import { buildImage, type Items, noise, prose, testCore } from "./image-builder.ts";

const BLOCK_SIZE = 4096;
const COMPRESSION = { kind: "gzip", level: "default" } as const;
const file = (content: Uint8Array | readonly (Uint8Array | { zeros: number })[]) =>
  ({ kind: "file", content }) as const;

const ITEMS: Items = {
  blocks: file(prose(50_000, 1)),
  empty: file(new Uint8Array(0)),
  hole: file([prose(4096, 2), { zeros: 40_960 }, noise(5000, 3)]),
  noise: file(noise(20_000, 4)),
  "same-blocks": file(prose(50_000, 1)),
  small: file(Buffer.from("small")),
  tail: file(prose(6000, 5)),
  zeros: file([{ zeros: 9000 }]),
};
const NAMES = Object.keys(ITEMS);

/** Writes an image of some files of another one, and of new ones before and after. */
async function adopt(source: SquashfsImage, kept: readonly string[], isWhole = false): Promise<Uint8Array> {
  const sink = new MemorySink();
  const core = testCore(BLOCK_SIZE);
  const encoder = createBlockEncoder({ compression: COMPRESSION, blockSize: BLOCK_SIZE, workers: 0, core });
  try {
    const writer = new SquashfsWriter({ sink, encoder, compression: COMPRESSION, core });
    const tree = new FsTree();
    const add = (name: string, size: number, content: number) => {
      const attributes = { kind: InodeKind.file, mode: 0o644, uid: 0, gid: 0, mtimeSec: 1, size, content };
      tree.add(FsTree.root, name, tree.inodes.add(attributes));
    };
    const addNew = async (name: string, bytes: Uint8Array) => {
      add(name, bytes.length, await writer.contents.add(bytes.length, bytes));
    };
    await addNew("new-before", prose(10_000, 6));
    const files = await Promise.all(kept.map(async (name) => [name, (await source.stat(name)) as FileInode] as const));
    async function* inodes(): AsyncGenerator<FileInode> {
      for (const [, inode] of files) yield inode;
    }
    const data = await writer.adopt(source, isWhole ? undefined : inodes);
    for (const [name, inode] of files) add(name, inode.size, await data.add(inode));
    await addNew("new-behind", prose(10_000, 7));
    await writer.finish(tree, { mtimeSec: 1 });
    return sink.bytes.slice();
  } finally {
    await encoder.close();
  }
}

async function contentsOf(bytes: Uint8Array): Promise<Record<string, string>> {
  const image = await SquashfsImage.open(bytesAccess(bytes));
  await image.verifyContent();
  const tree = await treeOfImage(bytes);
  return Object.fromEntries(Object.entries(tree).flatMap(([path, { sha256 }]) => (sha256 ? [[path, sha256]] : [])));
}

describe("SquashfsWriter.adopt()", () => {
  it.each([
    ["all files", NAMES],
    ["the first", ["blocks"]],
    ["one in the middle", ["noise"]],
    ["those with holes", ["hole", "zeros"]],
    ["nothing but tails", ["small"]],
    ["equal files", ["blocks", "same-blocks"]],
    ["one of two equal files", ["same-blocks"]],
    ["an empty file", ["empty"]],
    ["every other", NAMES.filter((_, i) => i % 2 === 1)],
    ["none", []],
  ])("takes over the data of %s, between new ones", async (_, kept) => {
    const { bytes } = await buildImage(ITEMS, { blockSize: BLOCK_SIZE });
    const source = await SquashfsImage.open(bytesAccess(bytes));
    const before = await contentsOf(bytes);
    const after = await contentsOf(await adopt(source, kept));
    expect(Object.keys(after).sort()).toEqual([...kept, "new-before", "new-behind"].sort());
    for (const name of kept) expect(after[name]).toBe(before[name]);
  });

  it("leaves out the blocks of files that are not wanted", async () => {
    const { bytes } = await buildImage(ITEMS, { blockSize: BLOCK_SIZE });
    const source = await SquashfsImage.open(bytesAccess(bytes));
    const whole = await adopt(source, ["small"], true);
    const part = await adopt(source, ["small"]);
    // The 20,000 and 5,000 bytes of noise are stored as they are; prose compresses.
    expect(whole.length - part.length).toBeGreaterThan(20_000);
    expect(await adopt(source, NAMES)).toEqual(await adopt(source, NAMES, true));
  });
});
