import { describe, expect, it } from "vitest";
import { planThreads } from "../../src/build/thread-plan.ts";
import type { Compression } from "../../src/wasm/compression.ts";

const MIB = 2 ** 20;
const GZIP: Compression = { kind: "gzip", level: "default" };
const BEST: Compression = { kind: "gzip", level: "best" };
const K128 = 128 * 1024;

describe("planThreads()", () => {
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
      const needs = { workers, layerThreads: 0, memory, blockSize, compression };
      expect(planThreads(needs, { cpus, memory: cgroup })).toEqual({ workers: expected, layerThreads: undefined });
    },
  );

  it("names the least where a limit is below it", () => {
    const plan = (memory: number, blockSize: number) => () =>
      planThreads({ workers: 0, memory, blockSize, compression: GZIP }, { cpus: 2, memory: undefined });
    expect(plan(64 * MIB, K128)).toThrow(
      "A memory limit of 64 MiB is too small: the least is 97 MiB with blocks of 128 KiB.",
    );
    expect(plan(64 * MIB, MIB)).toThrow("the least is 105 MiB with blocks of 1024 KiB");
    expect(plan(97 * MIB, K128)).not.toThrow();
  });

  it.each([
    // asked for, limit, workers asked for, CPUs, compression; workers, readers, MiB of each reader's buffer
    [undefined, undefined, undefined, 2, GZIP, 2, 0, 0],
    [undefined, undefined, undefined, 5, GZIP, 5, 0, 0],
    [undefined, undefined, undefined, 6, GZIP, 6, 2, 7],
    [undefined, undefined, undefined, 3, { kind: "gzip", level: "fast" }, 3, 0, 0],
    [undefined, undefined, undefined, 4, { kind: "gzip", level: "fast" }, 4, 2, 5],
    [undefined, undefined, undefined, 19, BEST, 19, 0, 0],
    [undefined, undefined, undefined, 20, BEST, 20, 2, 21],
    [undefined, undefined, undefined, 2, { kind: "lz4", level: "fast" }, 2, 0, 0],
    [undefined, undefined, undefined, 3, { kind: "lz4", level: "fast" }, 3, 2, 4],
    [undefined, undefined, undefined, 4, { kind: "lz4", level: "best" }, 4, 0, 0],
    [undefined, undefined, undefined, 5, { kind: "lz4", level: "best" }, 5, 2, 6],
    [undefined, undefined, undefined, 2, { kind: "none" }, 2, 0, 0],
    [undefined, undefined, undefined, 3, { kind: "none" }, 3, 2, 4],
    [undefined, undefined, 8, 2, GZIP, 8, 0, 0],
    [undefined, undefined, 4, 64, GZIP, 4, 0, 0],
    [0, undefined, undefined, 64, GZIP, 64, 0, 0],
    [1, undefined, undefined, 2, GZIP, 2, 1, 3],
    [1, undefined, 0, 1, GZIP, 0, 1, 1],
    [undefined, 1024 * MIB, undefined, 64, GZIP, 64, 2, 65],
    [undefined, 512 * MIB, undefined, 64, GZIP, 29, 2, 30],
    [undefined, 200 * MIB, undefined, 64, GZIP, 9, 0, 0],
    [1, 112 * MIB, undefined, 64, GZIP, 0, 1, 1],
    [1, 110 * MIB, undefined, 64, GZIP, 1, 0, 0],
    [1, 104 * MIB, undefined, 64, GZIP, 0, 0, 0],
  ] as const)(
    "of %s layer threads asked for, within %s, with %s workers asked for, %i CPUs and %o: %i workers, %i threads of %i MiB",
    (layerThreads, memory, asked, cpus, compression, workers, threadCount, buffer) => {
      const needs = { workers: asked, layerThreads, memory, blockSize: K128, compression };
      const expected = threadCount === 0 ? undefined : { threadCount, bufferSize: buffer * MIB };
      expect(planThreads(needs, { cpus, memory: undefined })).toEqual({ workers, layerThreads: expected });
    },
  );
});
