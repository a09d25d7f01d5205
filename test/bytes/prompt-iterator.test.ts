import { describe, expect, it } from "vitest";
import { type PromptIterator, visitAll } from "../../src/bytes/prompt-iterator.ts";

/** Numbers up to `end`, every second one by a promise; an error in place of the one at `failing`. */
class Numbers implements PromptIterator<number> {
  readonly #end: number;
  readonly #failing: number | undefined;
  #next = 0;
  isLeft = false;

  constructor(end: number, failing?: number) {
    this.#end = end;
    this.#failing = failing;
  }

  next(): IteratorResult<number, void> | Promise<IteratorResult<number, void>> {
    const value = this.#next++;
    if (value === this.#failing) return Promise.reject(new Error(`no ${value}`));
    if (value >= this.#end) return { done: true, value: undefined };
    const result = { done: false, value } as const;
    return value % 2 === 0 ? result : Promise.resolve(result);
  }

  async return(): Promise<void> {
    this.isLeft = true;
  }
}

describe("visitAll()", () => {
  it.each([0, 1, 2, 5])("visits %i items in their order, whether they come at once or by a promise", async (count) => {
    const seen: number[] = [];
    const numbers = new Numbers(count);
    await visitAll(numbers, (value) => {
      seen.push(value);
    });
    expect(seen).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(numbers.isLeft).toBe(false);
  });

  it("goes through an async generator", async () => {
    const seen: number[] = [];
    const generate = async function* (): AsyncGenerator<number, void, undefined> {
      yield* [1, 2, 3];
    };
    await visitAll(generate(), (value) => seen.push(value) > 3);
    expect(seen).toEqual([1, 2, 3]);
  });

  it("waits for what a visit promises before it asks for the next item", async () => {
    const events: string[] = [];
    await visitAll(new Numbers(2), async (value) => {
      events.push(`begin ${value}`);
      await new Promise(setImmediate);
      events.push(`end ${value}`);
    });
    expect(events).toEqual(["begin 0", "end 0", "begin 1", "end 1"]);
  });

  it.each<[string, (value: number) => unknown]>([
    ["true", (value: number) => value === 2],
    ["a promise of true", async (value: number) => value === 2],
  ])("leaves early for %s", async (_, visit) => {
    const seen: number[] = [];
    const numbers = new Numbers(5);
    await visitAll(numbers, (value) => {
      seen.push(value);
      return visit(value);
    });
    expect(seen).toEqual([0, 1, 2]);
    expect(numbers.isLeft).toBe(true);
  });

  it.each<[string, () => unknown]>([
    [
      "thrown",
      () => {
        throw new Error("enough");
      },
    ],
    ["promised", () => Promise.reject(new Error("enough"))],
  ])("leaves for an error of a visit that is %s, and rejects with it", async (_, visit) => {
    const numbers = new Numbers(5);
    await expect(visitAll(numbers, visit)).rejects.toThrow("enough");
    expect(numbers.isLeft).toBe(true);
  });

  it("rejects with an error of the items, which need no leaving", async () => {
    const numbers = new Numbers(5, 3);
    const seen: number[] = [];
    await expect(visitAll(numbers, (value) => seen.push(value) > 9)).rejects.toThrow("no 3");
    expect(seen).toEqual([0, 1, 2]);
    expect(numbers.isLeft).toBe(false);
  });
});
