import { createHash } from "node:crypto";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadCore } from "../../src/wasm/core.ts";
import { randomWords } from "./samples.ts";

// Block size 4096: longer inputs come in pieces, so that the seams are tested with small data.
const core = loadCore({ blockSize: 4096 });

function bytes(size: number): Uint8Array {
  const next = randomWords(11);
  return Uint8Array.from({ length: size }, () => next() >>> 13);
}

function hex(words: readonly number[]): string {
  return words.map((word) => word.toString(16).padStart(8, "0")).join("");
}

/** Byte i is i · 167 + (i >> 8), modulo 256; values by xxhsum 0.8.1 of Debian, `xxhsum -H2`. */
const XXH128: readonly [number, string][] = [
  [0, "99aa06d3014798d86001c324468d497f"],
  [1, "a6cd5e9392000f6ac44bdff4074eecdb"],
  [2, "15461dc77895de2a82e837cabaca9897"],
  [3, "82271a7b5276669ef3ea324084d6587c"],
  [4, "f8709611b1f6cd87c89763cbddb18240"],
  [7, "a7207ee9a51783f75a8824a9239a9952"],
  [8, "be8bed0ebb2d546425cf7cc25927ea82"],
  [9, "239d32cacb62ab808bac796201949ed1"],
  [15, "4baeb3c3a36bd4f3fd2cc454918b6b7f"],
  [16, "58bef3e094ad742562e9dbe370805b66"],
  [17, "5cdf78197d6c5ed0eadaf7c446a821d3"],
  [32, "cc885fc9c1f089dad282c6edec0cc33d"],
  [33, "ffd0aaa400ef151ee3f37c015164c7c3"],
  [64, "2a743826c299c972ade41872dad6c752"],
  [65, "5845d0765c14c337f85be40c7b918a46"],
  [96, "f04ffbfe5363be3d7ec6a762fb0a25ee"],
  [97, "fa8a2544230e8caca366b5380bcb4153"],
  [128, "6364ba4eb5e0d68d49f1baeb9259b91f"],
  [129, "b34dcc37d8cb38328f901ead07b18018"],
  [160, "6c629749275ec19c2ab3d0b27a954648"],
  [161, "a65c470745f4d380df170b441afd49b2"],
  [239, "50985ab8899cee68334e823e75054dd5"],
  [240, "7f9dc0c69e5d78ad6ca2539364b765e5"],
  [241, "30fafd9e3931dbd19dc4f9091538415e"],
  [256, "a3dc440db2c5f7f0f10740cc92f50822"],
  [511, "cf04b8ace4f9ddeac341a0cc8fca1734"],
  [512, "0d318785db37f4b5352c722938d4e7a2"],
  [1023, "421a8ba31b51375b8b843abc83dc6901"],
  [1024, "71e9a75c3ffe22df538a456f0d08c251"],
  [1025, "862f850f38b6508d66637a3581e4fd54"],
  [2048, "826b940ff4f698290dc0c08d9925bede"],
  [2049, "bc362aba07016151a7c73f685d109063"],
  [4096, "b67cd589ff58bcc6f3df34840238d3b8"],
  [4097, "86e578db4fb3bfe3bf9ea4860bf4641e"],
  [10000, "59a42f29a6574a3ade89e37a307b7ee8"],
];

describe("Core.contentHash()", () => {
  it.each(XXH128)("is XXH128 of %i bytes", (size, expected) => {
    const input = Uint8Array.from({ length: size }, (_, i) => i * 167 + (i >> 8));
    expect(hex(core.contentHash(input))).toBe(expected);
  });

  it("changes with any one bit", () => {
    for (const size of [1, 8, 16, 100, 200, 300, 1500]) {
      const input = bytes(size);
      const seen = new Set([hex(core.contentHash(input))]);
      for (let bit = 0; bit < size * 8; bit++) {
        input[bit >> 3] = (input[bit >> 3] as number) ^ (1 << (bit & 7));
        seen.add(hex(core.contentHash(input)));
        input[bit >> 3] = (input[bit >> 3] as number) ^ (1 << (bit & 7));
      }
      expect(seen.size).toBe(size * 8 + 1);
    }
  });
});

describe("Core.contentHasher", () => {
  it("gives the one-shot hash for any cutting", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2500), { maxLength: 8 }), (sizes) => {
        const whole = bytes(sizes.reduce((sum, size) => sum + size, 0));
        core.contentHasher.reset();
        let at = 0;
        for (const size of sizes) {
          core.contentHasher.update(whole.subarray(at, at + size));
          at += size;
        }
        expect(core.contentHasher.digest()).toEqual(loadCore({ blockSize: 32768 }).contentHash(whole));
      }),
      { numRuns: 50 },
    );
  });

  it("is not disturbed by compress in between", () => {
    const input = bytes(3000);
    core.contentHasher.reset();
    core.contentHasher.update(input.subarray(0, 1700));
    core.compress(new Uint8Array(4096), { kind: "gzip", level: "best" });
    core.sha256.reset();
    core.sha256.update(input);
    core.contentHasher.update(input.subarray(1700));
    expect(core.contentHasher.digest()).toEqual(core.contentHash(input));
  });
});

describe("Core.sha256", () => {
  it.each([0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 4095, 4096, 4097, 20000])(
    "agrees with node:crypto and @noble/hashes on %i bytes",
    (size) => {
      const input = bytes(size);
      for (const step of [1, 63, 64, 65, 5000]) {
        if (size / step > 5000) continue;
        core.sha256.reset();
        for (let at = 0; at < size; at += step) core.sha256.update(input.subarray(at, at + step));
        const digest = Buffer.from(core.sha256.digest());
        expect(digest.equals(createHash("sha256").update(input).digest())).toBe(true);
        expect(digest.equals(nobleSha256(input))).toBe(true);
      }
    },
  );
});

describe("Core.adler32()", () => {
  const slow = (input: Uint8Array): number => {
    let a = 1;
    let b = 0;
    for (const byte of input) {
      a = (a + byte) % 65521;
      b = (b + a) % 65521;
    }
    return b * 65536 + a;
  };

  it.each([0, 1, 15, 16, 17, 31, 5551, 5552, 5553, 5568, 11104, 40000])("is RFC 1950's sum of %i bytes", (size) => {
    expect(core.adler32(bytes(size))).toBe(slow(bytes(size)));
    // The largest sums: where a reduction comes too late, 32 bits overflow.
    expect(core.adler32(new Uint8Array(size).fill(255))).toBe(slow(new Uint8Array(size).fill(255)));
  });
});

describe("Core.isZero()", () => {
  it.each([2, 15, 16, 63, 64, 65, 127, 4096, 4097, 9000])("sees one set bit anywhere in %i bytes", (size) => {
    const input = new Uint8Array(size);
    expect(core.isZero(input)).toBe(true);
    for (const at of [0, 1, size >> 1, size - 1]) {
      input[at] = 128;
      expect(core.isZero(input)).toBe(false);
      input[at] = 0;
    }
  });

  it("is true of nothing", () => {
    expect(core.isZero(new Uint8Array(0))).toBe(true);
  });
});
