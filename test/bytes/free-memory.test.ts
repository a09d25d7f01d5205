import { expect, test } from "vitest";
import { freeMemory } from "../../src/bytes/free-memory.ts";

test("freeMemory() detaches a buffer", () => {
  const bytes = Buffer.allocUnsafeSlow(65536);
  freeMemory(bytes.buffer);
  expect(bytes.length).toBe(0);
});

test("freeMemory() gives the memory back at once, without a collection", () => {
  const size = 4 << 20;
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 100; i++) freeMemory(Buffer.allocUnsafeSlow(size).fill(1).buffer);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * size);
});
