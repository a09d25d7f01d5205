import { describe, expect, it } from "vitest";
import { copyBytes } from "../../src/bytes/copy-bytes.ts";

const plain = (size: number) => new Uint8Array(size);
const shared = (size: number) => new Uint8Array(new SharedArrayBuffer(size));

describe("copyBytes()", () => {
  it.each([
    ["plain memory to plain", plain, plain],
    ["shared memory to plain", shared, plain],
    ["plain memory to shared", plain, shared],
    ["shared memory to shared", shared, shared],
  ])("copies from %s, and nothing beside it", (_, makeFrom, makeTo) => {
    for (const size of [0, 1, 7, 512, 100_000]) {
      const from = makeFrom(size + 6);
      for (let i = 0; i < from.length; i++) from[i] = (i * 7 + 1) & 0xff;
      const to = makeTo(size + 10);
      copyBytes(from.subarray(3, 3 + size), to, 5);
      expect(Array.from(to.subarray(5, 5 + size))).toEqual(Array.from(from.subarray(3, 3 + size)));
      expect([...to.subarray(0, 5), ...to.subarray(5 + size)]).toEqual(Array.from({ length: 10 }, () => 0));
    }
  });
});
