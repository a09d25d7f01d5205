import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeLz4Block, lz4Decompressor } from "../../../src/squashfs/decompressors/lz4.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.of(...values);

describe("lz4Decompressor.decompress()", () => {
  test.each([
    ["no bytes", bytes(0), bytes()],
    ["literals", bytes(0x30, 1, 2, 3), bytes(1, 2, 3)],
    ["a match", bytes(0x40, 1, 2, 3, 4, 4, 0, 0x10, 9), bytes(1, 2, 3, 4, 1, 2, 3, 4, 9)],
    ["a match that repeats itself", bytes(0x11, 7, 1, 0, 0x10, 8), bytes(7, 7, 7, 7, 7, 7, 8)],
    ["a long match", bytes(0x1f, 7, 1, 0, 2, 0x10, 8), bytes(7, ...Array<number>(21).fill(7), 8)],
    ["15 literals", bytes(0xf0, 0, ...Array<number>(15).fill(5)), new Uint8Array(15).fill(5)],
    ["270 literals", bytes(0xf0, 255, 0, ...Array<number>(270).fill(5)), new Uint8Array(270).fill(5)],
  ])("gives %s", (_, input, content) => {
    expect(lz4Decompressor.decompress(input, 4096)).toEqual(content);
    expect(lz4Decompressor.decompress(input, content.length)).toEqual(content);
  });

  test.each([
    ["no token", bytes()],
    ["literals that are not there", bytes(0x30, 1, 2)],
    ["half an offset", bytes(0x10, 1, 1)],
    ["an offset of 0", bytes(0x10, 1, 0, 0, 0)],
    ["an offset before the block", bytes(0x10, 1, 2, 0, 0)],
    ["a length without end", bytes(0xf0, 255, 255)],
    ["no token behind a match", bytes(0x10, 1, 1, 0)],
    ["more than allowed by a match", bytes(0x1f, 1, 1, 0, 255, 255, 255, 255, 0, 0)],
    ["more than allowed by literals", bytes(0xf0, 255, ...new Uint8Array(300))],
  ])("refuses %s", (_, input) => {
    expect(() => lz4Decompressor.decompress(input, 100)).toThrow("lz4:");
  });

  test("never writes outside its output, whatever comes in", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), (input, limit) => {
        try {
          expect(decodeLz4Block(input, new Uint8Array(limit))).toBeLessThanOrEqual(limit);
        } catch (error) {
          expect(error).toHaveProperty("name", "DecompressError");
        }
      }),
      { numRuns: 5000 },
    );
  });
});
