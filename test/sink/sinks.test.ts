import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileSink } from "../../src/sink/file-sink.ts";
import { InPlaceSink } from "../../src/sink/in-place-sink.ts";
import { MemorySink } from "../../src/sink/memory-sink.ts";
import { PipeSink } from "../../src/sink/pipe-sink.ts";
import type { Sink } from "../../src/sink/sink.ts";
import { WindowSink } from "../../src/sink/window-sink.ts";
import { edit } from "./model.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

interface Opened {
  readonly sink: Sink;
  /** Ends the sink and gives what came out. */
  readonly result: () => Promise<Uint8Array>;
}

let serial = 0;
const OPENERS: Record<string, (directory: string) => Promise<Opened>> = {
  MemorySink: async () => {
    const sink = new MemorySink();
    return { sink, result: async () => sink.finish().then(() => sink.bytes) };
  },
  FileSink: async (directory) => {
    const path = join(directory, `f${serial++}`);
    const sink = await FileSink.open(path);
    return { sink, result: async () => sink.finish().then(() => readFileSync(path)) };
  },
  InPlaceSink: async (directory) => {
    const path = join(directory, `i${serial++}`);
    writeFileSync(path, "before");
    const fd = openSync(path, "r+");
    const sink = new InPlaceSink(fd, { what: path, base: 6 });
    const result = async () => {
      await sink.finish();
      closeSync(fd);
      const bytes = readFileSync(path);
      expect(bytes.subarray(0, 6).toString()).toBe("before");
      return bytes.subarray(6);
    };
    return { sink, result };
  },
  PipeSink: async (spoolDirectory) => {
    const destination = new PassThrough();
    const collected = buffer(destination);
    // An abort destroys the destination.
    collected.catch(() => {});
    const sink = await PipeSink.open({ destination, spoolDirectory });
    return { sink, result: async () => sink.finish().then(() => collected) };
  },
  WindowSink: async () => {
    const outer = new MemorySink();
    await outer.write(Buffer.from("before"));
    const sink = new WindowSink(outer);
    const result = async () => {
      await sink.finish();
      await outer.write(Buffer.from("after"));
      expect(Buffer.from(outer.bytes.subarray(0, 6)).toString()).toBe("before");
      expect(Buffer.from(outer.bytes.subarray(-5)).toString()).toBe("after");
      return outer.bytes.subarray(6, -5);
    };
    return { sink, result };
  },
};

/** Writes of these sizes straddle the 512 KiB buffers in all ways. */
const size = fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 200_000, max: 1_700_000 }));
const operation = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("write" as const), size, fill: fc.integer({ max: 255, min: 1 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("patch" as const), size, at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("rewind" as const), at: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
);

describe.each(Object.keys(OPENERS))("%s", (name) => {
  const open = OPENERS[name] as (directory: string) => Promise<Opened>;

  it("write(), patch() and rewind() give what the same calls on an array give", async () => {
    const directory = temporaryDirectory();
    const property = fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
      const { sink, result } = await open(directory);
      let model = Buffer.alloc(0);
      for (const op of operations) {
        if (op.kind === "write") {
          const bytes = Buffer.alloc(op.size, op.fill);
          await sink.write(bytes);
          model = Buffer.concat([model, bytes]);
          // The caller may reuse what it passed.
          bytes.fill(0);
        } else {
          model = await edit(sink, model, op);
        }
        expect(sink.position).toBe(model.length);
      }
      expect(Buffer.compare(await result(), model)).toBe(0);
    });
    await fc.assert(property, { numRuns: 40 });
  });

  it.each([
    ["behind the end", 3, 1],
    ["across the end", 2, 2],
    ["in front of the start", -1, 1],
  ])("patch() refuses bytes %s", async (_where, offset, length) => {
    const { sink } = await open(temporaryDirectory());
    onTestFinished(() => sink.abort(undefined));
    await sink.write(Buffer.from("abc"));
    await expect(sink.patch(offset, Buffer.alloc(length))).rejects.toThrow(RangeError);
  });

  it("rewind() refuses to go forward", async () => {
    const { sink } = await open(temporaryDirectory());
    onTestFinished(() => sink.abort(undefined));
    await expect(sink.rewind(1)).rejects.toThrow(RangeError);
  });
});
