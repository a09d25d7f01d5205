import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BRANCH_FILTERS } from "../../src/squashfs/decompressors/branch-filters.ts";
import { xzDecompressor } from "../../src/squashfs/decompressors/xz.ts";
import { requireTool } from "../support/tools.ts";

const LIMIT = 1 << 20;

function xz(content: Uint8Array, options: readonly string[]): Uint8Array | undefined {
  const tool = requireTool("xz", "xz-utils");
  if (tool === undefined) return undefined;
  return execFileSync(tool, ["-c", "-T1", "--check=crc32", ...options], { input: content, maxBuffer: 1 << 26 });
}

/** A megabyte of this program's machine code. */
const CODE = readFileSync(process.execPath).subarray(8 << 20, 9 << 20);

/** Random words, among them the opcodes that the filters look for. */
function opcodes(count: number): Uint8Array {
  const words = [
    0x4800_0001, 0xeb00_0000, 0x9400_0000, 0x9000_0000, 0x4000_0000, 0x7fc0_0000, 0xf800_f000, 0xe8e8_e8e8, 0xe9,
  ];
  const bytes = new Uint8Array(count * 4);
  const view = new DataView(bytes.buffer);
  let seed = 1;
  for (let i = 0; i < count; i++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    const noise = seed >>> 8;
    view.setUint32(i * 4, ((words[noise % words.length] as number) ^ (noise & 0x03ff_fffc)) >>> 0, (noise & 64) === 0);
    if ((noise & 0x700) === 0) bytes[i * 4 + 3] = (noise & 0x1000) === 0 ? 0 : 0xff;
    if ((noise & 0xf) === 1 && i % 4 === 0) bytes[i * 4] = 0x10 | (noise & 0xe0) | ((noise >> 16) & 7);
  }
  return bytes;
}

/** xz's option and its filter id. */
const BRANCH_OPTIONS = [
  ["x86", 4],
  ["powerpc", 5],
  ["ia64", 6],
  ["arm", 7],
  ["armthumb", 8],
  ["sparc", 9],
  ["arm64", 10],
] as const;

describe("xzDecompressor.decompress() undoes what xz does", () => {
  test.each([
    ["nothing", new Uint8Array(0)],
    ["one byte", Uint8Array.of(7)],
    ["zeros", new Uint8Array(LIMIT)],
    ["machine code", CODE],
    ["a long run of opcodes", opcodes(200_000)],
  ])("%s", (_, content) => {
    for (const options of [[], ["-0"], ["-9e"], ["--lzma2=lc=0,lp=4,pb=4"], ["--lzma2=lc=4,lp=0,pb=0,dict=4KiB"]]) {
      const packed = xz(content, options);
      if (packed !== undefined) expect(Buffer.compare(xzDecompressor.decompress(packed, LIMIT), content)).toBe(0);
    }
  });

  test.each(BRANCH_OPTIONS)("with the filter %s", (filter, id) => {
    const changed = opcodes(100_000);
    BRANCH_FILTERS.get(id)?.(changed, 0);
    expect(Buffer.compare(changed, opcodes(100_000))).not.toBe(0);
    for (const content of [CODE, opcodes(100_000), opcodes(33).subarray(0, 131)]) {
      for (const start of [0, 1 << 20, 0x7fff_fff0]) {
        const packed = xz(content, [`--${filter}=start=${start}`, "--lzma2=preset=1"]);
        if (packed !== undefined) expect(Buffer.compare(xzDecompressor.decompress(packed, LIMIT), content)).toBe(0);
      }
    }
  });

  test("and never more than the limit", () => {
    const packed = xz(CODE, []);
    if (packed === undefined) return;
    expect(() => xzDecompressor.decompress(packed, LIMIT - 1)).toThrow("larger than allowed");
  });

  test("damaged input is an error or the content", () => {
    const content = opcodes(3000);
    const packed = xz(content, ["--x86", "--lzma2=preset=6"]);
    if (packed === undefined) return;
    fc.assert(
      fc.property(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, cut) => {
        const damaged = cut ? packed.slice(0, at) : packed.slice();
        if (!cut) damaged[at] = (damaged[at] as number) ^ flip;
        try {
          expect(Buffer.compare(xzDecompressor.decompress(damaged, 16_384), content)).toBe(0);
        } catch (error) {
          expect(error).toHaveProperty("name", "DecompressError");
        }
      }),
      { numRuns: 2000 },
    );
  });
});
