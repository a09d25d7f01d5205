import { describe, expect, it } from "vitest";
import { type Lease, leaseOf } from "../../src/bytes/lease.ts";
import { SLOT_SIZE as SLOT } from "../../src/layer/thread/messages.ts";
import { SlotMemory } from "../../src/layer/thread/slot-memory.ts";

describe("SlotMemory", () => {
  it("gives a slot back once neither its reader nor anyone who kept a piece of it needs it", () => {
    const memory = new SlotMemory(3);
    const freed: number[] = [];
    memory.attach((slot) => freed.push(slot));
    const [first, second] = [memory.lend(2, SLOT), memory.lend(0, 5)];
    expect([first.byteOffset, first.length, second.byteOffset, second.length]).toEqual([2 * SLOT, SLOT, 0, 5]);
    const pieces = [first.subarray(0, 10), first.subarray(SLOT - 1)].map((piece) => leaseOf(piece) as Lease);
    for (const piece of pieces) piece.keep();
    memory.release(2);
    memory.release(0);
    expect(freed).toEqual([0]);
    pieces[0]?.release();
    expect(freed).toEqual([0]);
    pieces[1]?.release();
    expect(freed).toEqual([0, 2]);
  });

  it("is idle once its thread is gone and nothing of it is kept", () => {
    const memory = new SlotMemory(2);
    expect(memory.isIdle).toBe(true);
    const freed: number[] = [];
    memory.attach((slot) => freed.push(slot));
    expect(memory.isIdle).toBe(false);
    const lease = leaseOf(memory.lend(1, 9)) as Lease;
    lease.keep();
    memory.release(1);
    memory.detach();
    expect(memory.isIdle).toBe(false);
    lease.release();
    expect(memory.isIdle).toBe(true);
    expect(freed).toEqual([]);
  });

  it("has nothing to do with other memory", () => {
    expect(leaseOf(new Uint8Array(new SharedArrayBuffer(8)))).toBeUndefined();
    expect(leaseOf(Buffer.from("copied"))).toBeUndefined();
  });
});
