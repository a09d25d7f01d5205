import { inflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadCore } from "../../src/wasm/core.ts";
import { decodeLz4 } from "./lz4-decode.ts";

const core = loadCore({ blockSize: 65536 });

/** Data as encoders meet it: pieces of noise over an alphabet, copies of what went before, runs. */
const piece = fc.oneof(
  fc.record({ kind: fc.constant("noise" as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ kind: fc.constant("copy" as const), back: fc.integer({ min: 1, max: 40000 }), size: fc.nat(600) }),
  fc.record({ kind: fc.constant("run" as const), byte: fc.nat(255), size: fc.nat(1200) }),
);

const data = fc.array(piece, { maxLength: 60 }).map((pieces) => {
  const bytes: number[] = [];
  for (const part of pieces) {
    if (part.kind === "noise") bytes.push(...part.bytes);
    else if (part.kind === "run") bytes.push(...Array<number>(part.size).fill(part.byte));
    else for (let i = 0; i < part.size; i++) bytes.push(bytes[bytes.length - part.back] ?? 7);
  }
  return Uint8Array.from(bytes.slice(0, 65536));
});

describe("Core.compress()", () => {
  it.each(["fast", "default", "best"] as const)("at level %s inflates to any input", (level) => {
    fc.assert(
      fc.property(data, (input) => {
        const stream = core.compress(input, { kind: "gzip", level });
        if (stream === undefined) return;
        expect(stream.length).toBeLessThan(input.length);
        expect(Buffer.compare(inflateSync(stream), input)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it.each(["fast", "best"] as const)("to LZ4 at level %s decodes to any input", (level) => {
    fc.assert(
      fc.property(data, (input) => {
        const block = core.compress(input, { kind: "lz4", level });
        if (block === undefined) return;
        expect(block.length).toBeLessThan(input.length);
        expect(Buffer.compare(decodeLz4(block, input.length), input)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it("does not depend on the blocks before", () => {
    const fresh = loadCore({ blockSize: 65536 });
    fc.assert(
      fc.property(data, data, fc.constantFrom("fast", "default", "best"), (before, input, level) => {
        fresh.compress(before, { kind: "gzip", level: "best" });
        fresh.compress(before, { kind: "lz4", level: "best" });
        const one = fresh.compress(input, { kind: "gzip", level });
        const other = core.compress(input, { kind: "gzip", level });
        expect(Buffer.compare(one ?? input, other ?? input)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it("refuses more than its block size", () => {
    expect(() => core.compress(new Uint8Array(65537), { kind: "gzip", level: "default" })).toThrow(RangeError);
    expect(() => loadCore({ blockSize: 1048577 })).toThrow(RangeError);
    expect(() => loadCore({ blockSize: 0 })).toThrow(RangeError);
  });

  it("compresses nothing with kind none", () => {
    expect(core.compress(new Uint8Array(1000), { kind: "none" })).toBeUndefined();
  });
});
