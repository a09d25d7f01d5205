import { describe, expect, it } from "vitest";
import { loadCore } from "../../src/wasm/core.ts";
import { type InflatedBlock, inflateBlocks } from "./inflate-blocks.ts";
import { SAMPLES } from "./samples.ts";

const core = loadCore({ blockSize: 1048576 });

function blocksOf(name: string, size: number, level: "fast" | "default" | "best" = "default"): InflatedBlock[] {
  const sample = SAMPLES.find((candidate) => candidate.name === name);
  const stream = core.compress(sample?.make(size) as Uint8Array, { kind: "gzip", level });
  return stream === undefined ? [] : inflateBlocks(stream).blocks;
}

/**
 * Least bits for these counts with codes of at most `limit` bits, by the coin collector's argument in its
 * plainest form: lists of symbol sets, nothing shared with the core.
 */
function leastBits(counts: readonly number[], limit: number): number {
  const coins = counts.filter((count) => count > 0).sort((a, b) => a - b);
  if (coins.length < 2) return coins[0] ?? 0;
  let list = coins;
  for (let level = 1; level < limit; level++) {
    const pairs: number[] = [];
    for (let i = 0; i + 1 < list.length; i += 2) pairs.push((list[i] as number) + (list[i + 1] as number));
    list = [...coins, ...pairs].sort((a, b) => a - b);
  }
  return list.slice(0, 2 * coins.length - 2).reduce((sum, weight) => sum + weight, 0);
}

function bitsUsed({ lengths, counts }: InflatedBlock["literals"]): number {
  return counts.reduce((sum, count, symbol) => sum + count * (lengths[symbol] as number), 0);
}

describe("deflate blocks", () => {
  it.each(SAMPLES)("have codes of least cost within 15 bits: $name", ({ name }) => {
    for (const level of ["fast", "default", "best"] as const) {
      for (const block of blocksOf(name, 100000, level)) {
        if (block.type !== "dynamic") continue;
        expect(Math.max(...block.literals.lengths)).toBeLessThanOrEqual(15);
        expect(bitsUsed(block.literals)).toBe(leastBits(block.literals.counts, 15));
        expect(bitsUsed(block.distances)).toBe(leastBits(block.distances.counts, 15));
      }
    }
  });

  it.each([131072, 262144])("keep the limit where a free Huffman tree would not, in %i bytes", (size) => {
    const deep = blocksOf("Fibonacci counts (codes over 15 bits)", size).filter(
      ({ literals }) => leastBits(literals.counts, 24) < leastBits(literals.counts, 15),
    );
    expect(deep.length).toBeGreaterThan(0);
    for (const { literals } of deep) expect(bitsUsed(literals)).toBe(leastBits(literals.counts, 15));
  });

  it("are of every type over the samples", () => {
    const types = new Set(
      SAMPLES.flatMap(({ name }) => [24, 200, 90000].flatMap((size) => blocksOf(name, size))).map(({ type }) => type),
    );
    expect([...types].sort()).toEqual(["dynamic", "fixed", "stored"]);
  });

  it("are split where the data changes its kind", () => {
    const blocks = blocksOf("random, then text, then zeros", 90000);
    expect(blocks.length).toBeGreaterThan(1);
    expect(blocks[0]?.type).toBe("stored");
    expect(Math.abs((blocks[0]?.size ?? 0) - 30000)).toBeLessThan(4200);
  });

  it("store more than 65535 bytes in pieces", () => {
    const blocks = blocksOf("random, then text, then zeros", 1048576);
    expect(blocks.filter(({ type, size }) => type === "stored" && size === 65535).length).toBeGreaterThanOrEqual(4);
  });
});
