import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decompress, detectCompression } from "../../src/layer/decompress.ts";
import { LayerError } from "../../src/layer/errors.ts";
import type { ExpansionLimits } from "../../src/layer/limits.ts";
import { borrowed, collect, cut, cutEvenly, isReturned, streamOf } from "../support/chunks.ts";
import { requireTool } from "../support/tools.ts";
import { gzipWithHeader, skippableFrame, zstdBomb, zstdFrame, zstdWindow } from "./blobs.ts";

const DIGEST = "sha256:blob";
const run = (chunks: Iterable<Uint8Array>, limits?: Partial<ExpansionLimits>) =>
  collect(decompress(borrowed(chunks), { digest: DIGEST, limits }));

const TEXT = Buffer.from(Array.from({ length: 9000 }, (_, i) => `line ${i} ${(i * 7919) % 1013}\n`).join(""));
const [A, B] = [TEXT.subarray(0, 70_000), TEXT.subarray(70_000)];
const zeros = (size: number) => Buffer.alloc(size);

/** Compressed by the zstd program where it is there, else frames of raw blocks. */
function zstd(data: Uint8Array, ...options: readonly string[]): Buffer {
  const tool = requireTool("zstd");
  return tool === undefined ? zstdFrame(data) : execFileSync(tool, ["-c", "-q", ...options], { input: data });
}

const WHOLE: readonly (readonly [string, Buffer])[] = [
  ["plain", TEXT],
  ["gzip", gzipSync(TEXT)],
  ["gzip, stored", gzipSync(TEXT, { level: 0 })],
  ["gzip with name, comment, extra field and header checksum", gzipWithHeader(TEXT)],
  ["gzip, two members", Buffer.concat([gzipSync(A), gzipSync(B)])],
  ["gzip, an empty member first", Buffer.concat([gzipSync(""), gzipSync(TEXT)])],
  ["gzip, an empty member last", Buffer.concat([gzipSync(TEXT), gzipSync("")])],
  ["gzip, 300 members", Buffer.concat(cutEvenly(TEXT, TEXT.length / 300).map((part) => gzipSync(part)))],
  ["gzip, one zero behind", Buffer.concat([gzipSync(TEXT), zeros(1)])],
  ["gzip, a tape block of zeros behind", Buffer.concat([gzipSync(A), gzipWithHeader(B), zeros(10_240)])],
  ["zstd", zstd(TEXT)],
  ["zstd with checksum", zstd(TEXT, "--check")],
  ["zstd -19", zstd(TEXT, "-19")],
  ["zstd with a window of 128 MiB", zstd(TEXT, "--long=27")],
  ["zstd, raw blocks", zstdFrame(TEXT)],
  ["zstd, two frames", Buffer.concat([zstd(A), zstdFrame(B)])],
  [
    "zstd, skippable frames around",
    Buffer.concat([skippableFrame(9), zstd(A), skippableFrame(0), zstd(B), skippableFrame(70_000)]),
  ],
  ["zstd, an empty frame first", Buffer.concat([zstdFrame(zeros(0)), zstd(TEXT)])],
];

describe("decompress()", () => {
  it.each(WHOLE)("%s, for any chunking", async (_, stored) => {
    expect(Buffer.compare(await run([stored]), TEXT)).toBe(0);
    for (const size of [5, 1000, 65_536]) expect(Buffer.compare(await run(cutEvenly(stored, size)), TEXT)).toBe(0);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(3000), { maxLength: 60 }), async (sizes) => {
        expect(Buffer.compare(await run(cut(stored, sizes)), TEXT)).toBe(0);
      }),
      { numRuns: 10 },
    );
  });

  it("gives nothing for an empty blob", async () => {
    expect((await run([])).length).toBe(0);
    expect((await run([gzipSync("")])).length).toBe(0);
    expect((await run([zstdFrame(zeros(0))])).length).toBe(0);
  });

  it("gives large chunks of large data", async () => {
    const data = zeros(8 << 20);
    for (const stored of [gzipSync(data), zstd(data)]) {
      const sizes: number[] = [];
      for await (const chunk of decompress(streamOf(cutEvenly(stored, 65_536)), { digest: DIGEST }))
        sizes.push(chunk.length);
      expect(Math.max(...sizes)).toBe(256 * 1024);
      expect(sizes.length).toBeLessThan(60);
    }
  });

  it("members that end at a chunk's border", async () => {
    const members = [gzipSync(A), gzipSync(""), gzipSync(B), zeros(512), zeros(512)];
    expect(Buffer.compare(await run(members), TEXT)).toBe(0);
    const frames = [zstd(A), skippableFrame(3), zstd(B)];
    expect(Buffer.compare(await run(frames), TEXT)).toBe(0);
  });

  it.each([
    ["letters", Buffer.from("garbage"), 0],
    ["zeros, then letters", Buffer.concat([zeros(700), Buffer.from("x")]), 700],
    ["zeros, then another member", Buffer.concat([zeros(1), gzipSync("more")]), 1],
  ])("refuses gzip with %s behind, for any chunking", async (_, tail, at) => {
    const stored = Buffer.concat([gzipSync(A.subarray(0, 2000)), tail]);
    for (const size of [stored.length, stored.length - tail.length, 600, 1]) {
      const result = await run(cutEvenly(stored, size)).catch((error: unknown) => error);
      expect(result).toBeInstanceOf(LayerError);
      expect(result).toMatchObject({ code: "LAYER_TRAILING_GARBAGE" });
      // zlib does not tell where in a chunk it stumbled over what is no member.
      const { offset } = (result as LayerError).details;
      expect(offset).toBeLessThan(stored.length);
      if (at > 0) expect(offset).toBe(stored.length - tail.length + at);
    }
  });

  it.each([
    ["xz", "\xfd7zXZ\0\0"],
    ["bzip2", "BZh91AY"],
    ["LZ4", "\x04\x22\x4d\x18dd"],
    ["zip", "PK\x03\x04.."],
  ])("names %s, which no layer may be", async (seen, magic) => {
    await expect(run([Buffer.from(magic, "latin1")])).rejects.toMatchObject({
      code: "LAYER_COMPRESSION_UNSUPPORTED",
      details: { seen },
    });
  });

  it("reads the source to its end, and lets it go when the consumer leaves", async () => {
    for (const stored of [TEXT, gzipSync(TEXT), Buffer.concat([gzipSync(TEXT), zeros(50_000)]), zstd(TEXT)]) {
      let isDrained = false;
      async function* watched(): AsyncGenerator<Uint8Array> {
        yield* cutEvenly(stored, 100);
        isDrained = true;
      }
      await collect(decompress(watched(), { digest: DIGEST }));
      expect(isDrained).toBe(true);
      const source = isReturned(streamOf(cutEvenly(stored, 100)));
      for await (const _ of decompress(source.chunks, { digest: DIGEST })) break;
      expect(source.returned()).toBe(true);
    }
  });
});

describe("decompress() limits", () => {
  it.each([
    ["gzip", gzipSync(zeros(4 << 20))],
    ["zstd", zstdBomb(32)],
    ["plain", zeros(4 << 20)],
  ])("refuses %s that grows past the named size", async (_, stored) => {
    await expect(run([stored], { layerSize: (4 << 20) - 1 })).rejects.toMatchObject({
      code: "LAYER_LIMIT_EXCEEDED",
      details: { limitName: "layerSize", digest: DIGEST },
    });
    expect((await run([stored], { layerSize: 4 << 20 })).length).toBe(4 << 20);
  });

  it("refuses a bomb by its expansion, above the floor only", async () => {
    const bomb = zstdBomb(80);
    const limits = { expansion: 10_000, expansionFloor: 4 << 20 };
    await expect(run(cutEvenly(bomb, 100), limits)).rejects.toMatchObject({
      details: { limitName: "expansion", limit: 10_000 },
    });
    expect((await run([bomb], { ...limits, expansionFloor: 80 << 17 })).length).toBe(80 << 17);
  });

  it("holds memory for one chunk of a bomb, not for all of it", async () => {
    // 16,000 blocks: 64,000 bytes in one chunk, 2 GiB out.
    let size = 0;
    for await (const chunk of decompress(streamOf([zstdBomb(16_000)]), { digest: DIGEST })) {
      expect(chunk.length).toBeLessThanOrEqual(256 * 1024);
      size += chunk.length;
      if (size > 64 << 20) break;
    }
  });

  it.each([
    [27, undefined],
    [28, "LAYER_LIMIT_EXCEEDED"],
    [31, "LAYER_LIMIT_EXCEEDED"],
    [41, "LAYER_LIMIT_EXCEEDED"],
  ])("takes a zstd window of 2^%i bytes: error %s", async (log, code) => {
    const result = await run([zstdWindow(log)]).catch((error: unknown) => error);
    if (code === undefined) expect(result).toHaveLength(0);
    else expect(result).toMatchObject({ code });
  });
});

describe("decompress() damage", () => {
  const small = Buffer.from(TEXT.subarray(0, 400));
  const fixtures: readonly (readonly [string, Buffer])[] = [
    ["gzip", gzipWithHeader(small)],
    ["gzip members", Buffer.concat([gzipSync(small.subarray(0, 150)), gzipSync(small.subarray(150))])],
    ["zstd", zstd(small, "--check")],
    [
      "zstd frames",
      Buffer.concat([zstdFrame(small.subarray(0, 150), 70), skippableFrame(5), zstd(small.subarray(150))]),
    ],
  ];

  it.each(fixtures)("%s, cut at every byte: an error, or the members in front of the cut", async (_, stored) => {
    for (let size = 6; size < stored.length; size++) {
      const result = await run(cutEvenly(stored.subarray(0, size), 60)).catch((error: unknown) => error);
      if (Buffer.isBuffer(result)) expect(small.subarray(0, result.length).equals(result)).toBe(true);
      else expect(result).toMatchObject({ code: "LAYER_CORRUPT", name: "LayerError" });
      if (Buffer.isBuffer(result)) expect(result.length).toBeGreaterThanOrEqual(150);
    }
  });

  it.each(fixtures)("%s, any bits flipped: an error or some data, never a hang", async (_, stored) => {
    const flips = fc.array(fc.record({ at: fc.nat(stored.length - 1), bit: fc.nat(7) }), {
      minLength: 1,
      maxLength: 3,
    });
    await fc.assert(
      fc.asyncProperty(flips, async (all) => {
        const bytes = Buffer.from(stored);
        for (const { at, bit } of all) bytes[at]! ^= 1 << bit;
        const result = await run(cutEvenly(bytes, 99), { layerSize: 1 << 26 }).catch((error: unknown) => error);
        if (!Buffer.isBuffer(result)) expect(result).toBeInstanceOf(LayerError);
      }),
      { numRuns: 300 },
    );
  });

  it("names the blob and the byte", async () => {
    const stored = gzipSync(randomBytes(300_000));
    stored.fill(0xff, 200_000, 200_100);
    const error: unknown = await run(cutEvenly(stored, 1000)).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: "LAYER_CORRUPT", details: { digest: DIGEST, compression: "gzip" } });
    const { offset } = (error as LayerError).details;
    // The damage is found where the stored block's bounds no longer fit, or by its checksum at the end.
    expect(offset).toBeGreaterThanOrEqual(200_000 - 1000);
    expect((error as Error).message).toContain(
      `Cannot decompress layer sha256:blob: its gzip data is damaged at byte ${offset}`,
    );
  });

  it("lets the source's own complaint win", async () => {
    for (const stored of fixtures.map(([, bytes]) => bytes)) {
      async function* altered(): AsyncGenerator<Uint8Array> {
        yield Buffer.concat([stored.subarray(0, 30), Buffer.alloc(400, 0xff)]);
        throw new Error("the digest is wrong");
      }
      await expect(collect(decompress(altered(), { digest: DIGEST }))).rejects.toThrow("the digest is wrong");
    }
  });
});

describe("detectCompression()", () => {
  it.each([
    ["", "none"],
    ["\x1f", "none"],
    ["\x1f\x8b", "gzip"],
    ["\x28\xb5\x2f\xfd", "zstd"],
    ["\x28\xb5\x2f", "none"],
    ["\x50\x2a\x4d\x18", "zstd"],
    ["\x5f\x2a\x4d\x18", "zstd"],
    ["\x60\x2a\x4d\x18", "none"],
    ["etc/\0\0", "none"],
  ])("%j is %s", (head, compression) => {
    expect(detectCompression(Buffer.from(head, "latin1"), DIGEST)).toBe(compression);
  });
});
