import { describe, expect, it } from "vitest";
import { SlotBoard } from "../../src/layer/thread/slot-board.ts";

/** Both sides of a board. */
function sides(slotCount: number): { readonly reader: SlotBoard; readonly writer: SlotBoard } {
  const reader = new SlotBoard(slotCount);
  return { reader, writer: new SlotBoard(slotCount, reader.memory) };
}

describe("SlotBoard", () => {
  it("begins with all slots free, and gives each once", () => {
    const { writer, reader } = sides(3);
    expect([1, 2, 3, 4].map(() => writer.takeFree())).toEqual([0, 1, 2, undefined]);
    expect(reader.takeFilled()).toBeUndefined();
  });

  it("passes slots on in their order, round after round", () => {
    const { writer, reader } = sides(3);
    for (let i = 0; i < 20; i++) {
      const slots = [writer.takeFree() as number, writer.takeFree() as number];
      for (const slot of slots) writer.fill(slot, 100 * i + slot);
      const filled = slots.map((slot) => ({ slot, size: 100 * i + slot }));
      expect([reader.takeFilled(), reader.takeFilled(), reader.takeFilled()]).toEqual([...filled, undefined]);
      // Given back in another order than they came.
      for (const slot of slots.reverse()) reader.free(slot);
    }
  });

  it("has the reader woken once, by the first slot after it began to wait", () => {
    const { writer, reader } = sides(4);
    expect(writer.fill(writer.takeFree() as number, 1)).toBe(false);
    // There is one: nothing to wait for.
    expect(reader.awaitFilled()).toBe(false);
    reader.takeFilled();
    expect(reader.awaitFilled()).toBe(true);
    expect([1, 2].map((size) => writer.fill(writer.takeFree() as number, size))).toEqual([true, false]);
  });

  it.each([
    [1, 1],
    [2, 1],
    [3, 2],
    [8, 4],
    [65, 33],
  ])("of %i slots has the thread woken once %i are free", (slotCount, wakeAt) => {
    const { writer, reader } = sides(slotCount);
    for (let round = 0; round < 3; round++) {
      for (let slot = writer.takeFree(); slot !== undefined; slot = writer.takeFree()) writer.fill(slot, 1);
      expect(writer.awaitFree()).toBe(true);
      const woken = Array.from({ length: slotCount }, () => reader.free(reader.takeFilled()?.slot as number));
      expect(woken.flatMap((isWoken, i) => (isWoken ? [i + 1] : []))).toEqual([wakeAt]);
      // Slots that came back before it could wait need no message.
      expect(writer.awaitFree()).toBe(false);
    }
  });
});
