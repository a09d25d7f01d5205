import { describe, expect, it } from "vitest";
import { type BoardJob, type BoardWrites, JobBoard } from "../../src/wasm/job-board.ts";

const SLOTS = 6;

/** Both sides, in one thread: `take` only where something waits. */
function board() {
  const near = new JobBoard(SLOTS);
  return { near, far: new JobBoard(SLOTS, near.memory), other: new JobBoard(SLOTS, near.memory) };
}

const write = (slot: number, position = slot * 100) => ({ slot, size: 100, fd: 7, position });
const block = (slot: number) => ({ slot, memory: slot + 1, offset: slot * 10, size: slot + 5 });
const HASH = [1, 2, 3, 0xffffffff] as const;

describe("JobBoard", () => {
  it("gives blocks out in their order, over and over", () => {
    const { near, far, other } = board();
    for (let round = 0; round < 50; round++) {
      const slots = [round % SLOTS, (round + 1) % SLOTS, (round + 3) % SLOTS];
      for (const slot of slots) near.handIn(block(slot));
      const taken = [far.take(), other.take(), far.take()] as BoardJob[];
      expect(taken).toEqual(slots.map((slot) => ({ kind: "block", ...block(slot) })));
      for (const { slot } of taken.toReversed()) far.answer(slot, { compressedSize: slot, hash: HASH }, 0);
      for (const { slot } of taken.toReversed()) {
        expect(near.nextAnswer()).toBe(slot);
        expect(near.answerOf(slot)).toEqual({ compressedSize: slot, hash: HASH });
      }
      expect(near.nextAnswer()).toBeUndefined();
    }
  });

  it("gives all writes that wait to one thread, before blocks, and none to another until they are answered", () => {
    const { near, far, other } = board();
    near.handIn(block(0));
    for (const slot of [3, 1, 2]) near.handInWrite(write(slot));
    expect(near.hasWaitingWrites).toBe(true);
    const writes = far.take() as BoardWrites;
    expect(writes).toEqual({ kind: "writes", writes: [write(3), write(1), write(2)] });
    expect(near.hasWaitingWrites).toBe(false);
    near.handInWrite(write(4));
    expect(other.take().kind).toBe("block");
    const results = [0, -28, -28].map((errno, i) => ({ done: 100 - 40 * i, errno }));
    far.answerWrites(writes, results);
    for (const [i, slot] of [3, 1, 2].entries()) {
      expect(near.nextAnswer()).toBe(slot);
      expect(near.writeAnswerOf(slot)).toEqual(results[i]);
    }
    expect(other.take()).toEqual({ kind: "writes", writes: [write(4)] });
  });

  it("has room for a write of every slot, over and over", () => {
    const { near, far } = board();
    for (let round = 0; round < 50; round++) {
      const slots = Array.from({ length: SLOTS }, (_, i) => (round + i) % SLOTS);
      for (const slot of slots) near.handInWrite(write(slot));
      const taken = far.take() as BoardWrites;
      expect(taken.writes.map(({ slot }) => slot)).toEqual(slots);
      far.answerWrites(
        taken,
        slots.map(() => ({ done: 100, errno: 0 })),
      );
      expect(slots.map(() => near.nextAnswer())).toEqual(slots);
    }
  });

  it.each([0, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 44 + 1, Number.MAX_SAFE_INTEGER])(
    "keeps the place %d in a file",
    (position) => {
      const { near, far } = board();
      near.handInWrite(write(5, position));
      expect(near.writeOf(5)).toEqual(write(5, position));
      expect(far.take()).toEqual({ kind: "writes", writes: [write(5, position)] });
    },
  );

  it("wakes by a block's answer only who sleeps, once, and where few blocks wait", () => {
    const { near, far } = board();
    const answer = () => far.answer((far.take() as BoardJob).slot, { compressedSize: 0, hash: HASH }, 1);
    for (const slot of [0, 1, 2, 3, 4, 5]) near.handIn(block(slot));
    near.stayAwake();
    expect(answer()).toBe(false);
    near.sleep({ any: false });
    // Then 4, 3, 2, and 1 wait.
    expect([answer(), answer(), answer(), answer(), answer()]).toEqual([false, false, false, true, false]);
  });

  it.each([
    ["who sleeps until any answer", true, true],
    ["not who sleeps until a block's", false, false],
    ["nobody who is awake", undefined, false],
  ])("wakes by a write's answer %s", (_who, any, expected) => {
    const { near, far } = board();
    if (any === undefined) near.stayAwake();
    else near.sleep({ any });
    near.handInWrite(write(0));
    const writes = far.take() as BoardWrites;
    expect(far.answerWrites(writes, [{ done: 100, errno: 0 }])).toBe(expected);
    near.handIn(block(1));
    const { slot } = far.take() as BoardJob;
    // Whoever was not woken by the write still is by a block.
    expect(far.answer(slot, { compressedSize: 0, hash: HASH }, 0)).toBe(any === false);
  });
});
