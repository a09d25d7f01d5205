import { describe, expect, it } from "vitest";
import { releaseMemory } from "../../src/bytes/release-memory.ts";

describe("releaseMemory()", () => {
  it.each([
    ["an array", (size: number) => new Uint8Array(size)],
    ["a Buffer", (size: number) => Buffer.allocUnsafe(size)],
    ["a part of its array", (size: number) => new Uint8Array(size).subarray(1, 2)],
  ])("takes the memory of %s that is large", (_, make) => {
    const bytes = make(16_384);
    releaseMemory(bytes);
    expect([bytes.length, bytes.buffer.byteLength]).toEqual([0, 0]);
  });

  it("leaves small ones alone: they may share Node's pool", () => {
    const [mine, other] = [Buffer.from("mine"), Buffer.from("other")];
    releaseMemory(mine);
    releaseMemory(new Uint8Array(16_383));
    expect([mine.toString(), other.toString()]).toEqual(["mine", "other"]);
  });

  it("leaves memory that others see alone", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(65_536));
    releaseMemory(shared);
    expect(shared.length).toBe(65_536);
  });
});
