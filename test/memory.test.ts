import { describe, expect, it } from "vitest";
import { type PromptIterator, visitAll } from "../src/bytes/prompt-iterator.ts";
import { withinMemory } from "../src/memory.ts";

const MIB = 2 ** 20;

describe("withinMemory()", () => {
  async function* numbers(count: number): AsyncGenerator<number, void, undefined> {
    for (let i = 0; i < count; i++) yield i;
  }
  const sum = async (entries: PromptIterator<number>) => {
    let total = 0;
    await visitAll(entries, (entry) => {
      total += entry;
    });
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
