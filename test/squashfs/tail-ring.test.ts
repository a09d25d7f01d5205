import fc from "fast-check";
import { expect, test } from "vitest";
import { TailRing } from "../../src/squashfs/tail-ring.ts";

test("TailRing keeps every copy as it was until it is given back, for any sizes and any moments", () => {
  const steps = fc.array(fc.oneof(fc.nat(40), fc.constant("release" as const)), { maxLength: 400 });
  fc.assert(
    fc.property(steps, (todo) => {
      const ring = new TailRing(64);
      const kept: { copy: Uint8Array; fill: number }[] = [];
      todo.forEach((step, i) => {
        if (step === "release") {
          const oldest = kept.shift();
          if (oldest !== undefined) ring.release(oldest.copy);
        } else {
          const fill = (i % 255) + 1;
          const copy = ring.copy(new Uint8Array(step).fill(fill));
          expect(copy.length).toBe(step);
          kept.push({ copy, fill });
        }
        for (const { copy, fill } of kept) expect(copy.every((byte) => byte === fill)).toBe(true);
      });
    }),
  );
});

test("TailRing uses its buffer over and over", () => {
  const ring = new TailRing(100);
  const buffers = new Set<ArrayBufferLike>();
  const waiting: Uint8Array[] = [];
  for (let i = 0; i < 1000; i++) {
    const copy = ring.copy(new Uint8Array(30));
    buffers.add(copy.buffer);
    waiting.push(copy);
    if (waiting.length === 2) ring.release(waiting.shift() as Uint8Array);
  }
  expect(buffers.size).toBe(1);
});

test("TailRing copies outside where there is no room", () => {
  const ring = new TailRing(10);
  const first = ring.copy(new Uint8Array(10).fill(1));
  const second = ring.copy(new Uint8Array(1).fill(2));
  expect(second.buffer).not.toBe(first.buffer);
  ring.release(first);
  ring.release(second);
  expect(ring.copy(new Uint8Array(10)).buffer).toBe(first.buffer);
});
