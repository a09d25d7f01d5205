import { describe, expect, it } from "vitest";
import { FsTree } from "../../../src/fstree/tree.ts";
import { MemorySink } from "../../../src/sink/memory-sink.ts";
import { SUPERBLOCK } from "../../../src/squashfs/format.ts";
import { type SquashfsReport, SquashfsWriter } from "../../../src/squashfs/writer.ts";
import { createBlockEncoder } from "../../../src/wasm/create-block-encoder.ts";
import { noise, prose, testCore } from "./image-builder.ts";

const BLOCK = 4096;
const COMPRESSION = { kind: "gzip", level: "default" } as const;

/** Contents by share, in the order given. */
async function writeShares(parts: readonly (readonly [share: number, ...contents: Uint8Array[]])[], workers = 0) {
  const core = testCore(BLOCK);
  const encoder = createBlockEncoder({ compression: COMPRESSION, blockSize: BLOCK, workers, core });
  const sink = new MemorySink();
  try {
    const writer = new SquashfsWriter({ sink, encoder, compression: COMPRESSION, core });
    for (const [share, ...contents] of parts) {
      writer.beginShare(share);
      for (const content of contents) await writer.contents.add(content.length, content);
    }
    const report = await writer.finish(new FsTree(), { mtimeSec: 0 });
    const { inodeTableStart } = SUPERBLOCK.read(sink.bytes, 0);
    return { report, dataSize: Number(inodeTableStart) - SUPERBLOCK.size };
  } finally {
    await encoder.close();
  }
}

const stored = ({ shares }: SquashfsReport) => shares.map(({ storedSize }) => storedSize);

describe("SquashfsWriter.beginShare()", () => {
  it("counts what each share's files take: blocks, and their part of fragments", async () => {
    const { report, dataSize } = await writeShares([
      [0, noise(3 * BLOCK, 1)],
      [1, noise(1000, 2), noise(2000, 3)],
      [2, noise(1000, 4)],
    ]);
    expect(stored(report)).toEqual([3 * BLOCK, 3000, 1000]);
    expect(dataSize).toBe(3 * BLOCK + 4000);
  });

  it.each([10, BLOCK, 3 * BLOCK + 7, 60 * BLOCK])(
    "charges a duplicate of %d bytes to the share that brings it again",
    async (size) => {
      const content = noise(size, 1);
      const { report } = await writeShares([
        [1, content],
        [0, content, noise(20, 2)],
      ]);
      expect(report.shares).toEqual([
        { contentSize: size + 20, duplicateSize: size, storedSize: 20 },
        { contentSize: size, duplicateSize: 0, storedSize: size },
      ]);
    },
  );

  it("sums a share that comes back, and knows one that never came", async () => {
    const { report } = await writeShares([
      [2, noise(BLOCK, 1)],
      [0, noise(50, 2)],
      [2, noise(BLOCK, 3), new Uint8Array(BLOCK)],
    ]);
    expect(report.shares[1]).toEqual({ contentSize: 0, duplicateSize: 0, storedSize: 0 });
    expect(report.shares[2]).toEqual({ contentSize: 3 * BLOCK, duplicateSize: 0, storedSize: 2 * BLOCK });
  });

  it.each([0, 2])("adds up to the whole data area, with %d workers", async (workers) => {
    const files = Array.from({ length: 400 }, (_, i) => prose(((i % 250) * 7919) % (5 * BLOCK), i % 250));
    const parts = [0, 1, 2, 3].map((share) => [share, ...files.slice(share * 100, share * 100 + 100)] as const);
    const { report, dataSize } = await writeShares(parts, workers);
    const sum = (of: (share: SquashfsReport["shares"][number]) => number) =>
      report.shares.reduce((total, share) => total + of(share), 0);
    expect(sum((share) => share.storedSize)).toBe(dataSize);
    expect(sum((share) => share.contentSize)).toBe(report.contentSize);
    expect(sum((share) => share.duplicateSize)).toBe(report.duplicateSize);
    expect(report.duplicateSize).toBeGreaterThan(0);
  });
});
