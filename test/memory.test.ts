import { describe, expect, it } from "vitest";
import { planWorkers, withinMemory } from "../src/memory.ts";
import type { Compression } from "../src/wasm/compression.ts";

const MIB = 2 ** 20;
const GZIP: Compression = { kind: "gzip", level: "default" };
const BEST: Compression = { kind: "gzip", level: "best" };
const K128 = 128 * 1024;

describe("planWorkers()", () => {
  it.each([
    // asked for, limit, CPUs, cgroup's limit, block size, compression, threads
    [undefined, undefined, 1, undefined, K128, GZIP, 0],
    [1, undefined, 1, undefined, K128, GZIP, 1],
    [undefined, undefined, 2, undefined, K128, GZIP, 2],
    [undefined, undefined, 64, undefined, K128, GZIP, 64],
    [5, undefined, 2, undefined, K128, GZIP, 5],
    [0, undefined, 2, undefined, K128, GZIP, 0],
    [undefined, 128 * MIB, 2, undefined, K128, GZIP, 2],
    [undefined, 128 * MIB, 64, undefined, K128, GZIP, 2],
    [1, 128 * MIB, 64, undefined, K128, GZIP, 1],
    [undefined, 110 * MIB, 64, undefined, K128, GZIP, 1],
    [undefined, 97 * MIB, 64, undefined, K128, GZIP, 0],
    [undefined, 128 * MIB, 64, undefined, MIB, GZIP, 1],
    [undefined, 128 * MIB, 64, undefined, K128, BEST, 1],
    [undefined, undefined, 64, 512 * MIB, K128, GZIP, 37],
    [undefined, undefined, 64, 64 * MIB, K128, GZIP, 0],
    [undefined, 200 * MIB, 64, 128 * MIB, K128, GZIP, 9],
  ])(
    "of %s threads asked for, within %s, of %i CPUs and a cgroup of %s, blocks of %i, %o: %i",
    (workers, memory, cpus, cgroup, blockSize, compression, expected) => {
      expect(planWorkers({ workers, memory, blockSize, compression }, { cpus, memory: cgroup })).toBe(expected);
    },
  );

  it("names the least where a limit is below it", () => {
    const plan = (memory: number, blockSize: number) => () =>
      planWorkers({ workers: 0, memory, blockSize, compression: GZIP }, { cpus: 2, memory: undefined });
    expect(plan(64 * MIB, K128)).toThrow(
      "A memory limit of 64 MiB is too small: the least is 97 MiB with blocks of 128 KiB.",
    );
    expect(plan(64 * MIB, MIB)).toThrow("the least is 105 MiB with blocks of 1024 KiB");
    expect(plan(97 * MIB, K128)).not.toThrow();
  });
});

describe("withinMemory()", () => {
  async function* numbers(count: number): AsyncGenerator<number> {
    for (let i = 0; i < count; i++) yield i;
  }
  const sum = async (entries: AsyncIterable<number>) => {
    let total = 0;
    for await (const entry of entries) total += entry;
    return total;
  };

  it("passes everything on within the limit", async () => {
    expect(await sum(withinMemory(numbers(5000), 100 * MIB, () => 90 * MIB))).toBe(12_497_500);
    expect(await sum(withinMemory(numbers(5000), undefined, () => Number.POSITIVE_INFINITY))).toBe(12_497_500);
  });

  it("refuses what goes beyond, and says where", async () => {
    let seen = 90 * MIB;
    const growing = () => {
      seen += MIB;
      return seen;
    };
    await expect(sum(withinMemory(numbers(100_000), 100 * MIB, growing))).rejects.toMatchObject({
      code: "MEMORY_EXCEEDED",
      message: expect.stringMatching(/limit of 100 MiB holds: 101 MiB are in use after 8192 entries/),
    });
  });
});
