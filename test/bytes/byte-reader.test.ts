import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteReader } from "../../src/bytes/byte-reader.ts";
import { cut, isReturned, streamOf } from "../support/chunks.ts";

const DATA = Uint8Array.from({ length: 100 }, (_, i) => i);
const open = (...sizes: number[]) => new ByteReader(streamOf(cut(DATA, sizes)), { name: "the test" });

describe("ByteReader", () => {
  it("tryRead() gives a view where the chunk has all bytes, and nothing else", async () => {
    const reader = open(10, 90);
    expect(reader.tryRead(1)).toBeUndefined();
    expect([...(await reader.readUpTo(4))]).toEqual([0, 1, 2, 3]);
    const view = reader.tryRead(6);
    expect([...(view ?? [])]).toEqual([4, 5, 6, 7, 8, 9]);
    expect(view?.buffer).toBe(DATA.buffer);
    expect(reader.tryRead(1)).toBeUndefined();
    expect(reader.tryRead(0)?.length).toBe(0);
    expect(reader.offset).toBe(10);
  });

  it.each([
    [0, 0],
    [1, 0],
    [99, 0],
    [100, 0],
    [101, 1],
  ])("read(%i) of 100 bytes lacks %i", async (size, needed) => {
    const reader = open(33, 33, 34);
    if (needed === 0) {
      expect(Buffer.compare(await reader.read(size), DATA.subarray(0, size))).toBe(0);
      expect(reader.offset).toBe(size);
    } else {
      await expect(reader.read(size)).rejects.toMatchObject({
        code: "UNEXPECTED_END",
        details: { offset: 100, needed },
      });
    }
  });

  it("read() says what ends early, where, and by how much", async () => {
    await expect(open(50).read(200)).rejects.toThrow("Cannot read the test past byte 100: it ends there, but 100 more");
  });

  it("peekUpTo() leaves the offset alone and sees over chunk borders", async () => {
    const reader = open(2, 2, 96);
    await reader.read(1);
    expect([...(await reader.peekUpTo(5))]).toEqual([1, 2, 3, 4, 5]);
    expect(reader.offset).toBe(1);
    expect((await reader.peekUpTo(1000)).length).toBe(99);
    expect([...(await reader.read(3))]).toEqual([1, 2, 3]);
    await reader.skip(96);
    expect((await reader.peekUpTo(1)).length).toBe(0);
    expect(reader.offset).toBe(100);
  });

  it("chunks() gives what the source gives, cut at the size", async () => {
    const reader = open(30, 30, 40);
    await reader.skip(5);
    const sizes: number[] = [];
    for await (const chunk of reader.chunks(60)) sizes.push(chunk.length);
    expect(sizes).toEqual([25, 30, 5]);
    await expect(async () => {
      for await (const _ of reader.chunks(36));
    }).rejects.toMatchObject({ details: { needed: 1 } });
  });

  it("skip() fails past the end, skipUpTo() does not", async () => {
    expect(await open(10).skipUpTo(Number.POSITIVE_INFINITY)).toBe(100);
    await expect(open(10).skip(101)).rejects.toMatchObject({ details: { needed: 1, offset: 100 } });
  });

  it("close() lets the source go and ends the stream", async () => {
    const source = isReturned(streamOf(cut(DATA, [10, 90])));
    const reader = new ByteReader(source.chunks, { name: "the test" });
    await reader.read(15);
    await reader.close();
    await reader.close();
    expect(source.returned()).toBe(true);
    expect(await reader.nextChunk()).toBeUndefined();
    expect(reader.offset).toBe(15);
  });

  it("passes the source's error on, and ends after it", async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield DATA.subarray(0, 3);
      throw new Error("gone");
    }
    const reader = new ByteReader(failing(), { name: "the test" });
    await expect(reader.read(4)).rejects.toThrow("gone");
    expect((await reader.readUpTo(4)).length).toBe(0);
  });

  it("obeys its signal before it pulls", async () => {
    const aborter = new AbortController();
    const reader = new ByteReader(streamOf(cut(DATA, [10, 90])), { name: "the test", signal: aborter.signal });
    await reader.read(10);
    aborter.abort(new Error("enough"));
    await expect(reader.read(1)).rejects.toThrow("enough");
  });

  it("gives the same bytes for any chunking and any mix of calls", async () => {
    const call = fc.oneof(
      fc.record({ kind: fc.constant("read" as const), size: fc.nat(20) }),
      fc.record({ kind: fc.constant("peek" as const), size: fc.nat(20) }),
      fc.record({ kind: fc.constant("skip" as const), size: fc.nat(20) }),
      fc.record({ kind: fc.constant("chunks" as const), size: fc.nat(20) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(15)), fc.array(call), async (sizes, calls) => {
        const reader = open(...sizes);
        let at = 0;
        for (const { kind, size } of calls) {
          const expected = [...DATA.subarray(at, at + size)];
          if (kind === "skip") expect(await reader.skipUpTo(size)).toBe(expected.length);
          else if (kind === "peek") expect([...(await reader.peekUpTo(size))]).toEqual(expected);
          else if (kind === "read")
            expect([...(reader.tryRead(size) ?? (await reader.readUpTo(size)))]).toEqual(expected);
          else {
            const seen: number[] = [];
            for await (const chunk of reader.chunks(expected.length)) seen.push(...chunk);
            expect(seen).toEqual(expected);
          }
          if (kind !== "peek") at = Math.min(100, at + size);
          expect(reader.offset).toBe(at);
        }
      }),
    );
  });
});
