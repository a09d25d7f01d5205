import { expect, test } from "vitest";
import { ByteCache } from "../../../src/squashfs/reader/byte-cache.ts";
import { NumberSet } from "../../../src/squashfs/reader/number-set.ts";

test("ByteCache keeps what was used last, within its bytes, and always the newest", () => {
  const cache = new ByteCache<Uint8Array>(10, (value) => value.length);
  for (const key of [1, 2]) cache.set(key, new Uint8Array(5));
  cache.get(1);
  cache.set(3, new Uint8Array(5));
  expect([1, 2, 3].map((key) => cache.get(key)?.length)).toEqual([5, undefined, 5]);
  cache.set(3, new Uint8Array(1));
  cache.set(4, new Uint8Array(4));
  expect([1, 3, 4].map((key) => cache.get(key)?.length)).toEqual([5, 1, 4]);
  cache.set(5, new Uint8Array(1000));
  expect([1, 3, 4, 5].map((key) => cache.get(key)?.length)).toEqual([undefined, undefined, undefined, 1000]);
});

test("NumberSet tells what is new, and counts", () => {
  const set = new NumberSet();
  const values = [0, 1, 7, 8, 32_767, 32_768, 0xffff_ffff];
  for (const value of values) {
    expect(set.has(value)).toBe(false);
    expect(set.add(value)).toBe(true);
    expect(set.add(value)).toBe(false);
    expect(set.has(value)).toBe(true);
  }
  expect(set.size).toBe(values.length);
  expect(set.has(9)).toBe(false);
});
