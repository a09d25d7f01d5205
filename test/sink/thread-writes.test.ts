import { closeSync, openSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileSink } from "../../src/sink/file-sink.ts";
import { InPlaceSink } from "../../src/sink/in-place-sink.ts";
import { MemorySink } from "../../src/sink/memory-sink.ts";
import { PipeSink } from "../../src/sink/pipe-sink.ts";
import type { Sink } from "../../src/sink/sink.ts";
import { WindowSink } from "../../src/sink/window-sink.ts";
import { codecOf } from "../../src/wasm/block-codec.ts";
import type { BlockEncoder } from "../../src/wasm/block-encoder.ts";
import { loadCore } from "../../src/wasm/core.ts";
import { createBlockEncoder } from "../../src/wasm/create-block-encoder.ts";
import { PoolEncoder } from "../../src/wasm/pool-encoder.ts";
import type { BoardSetup } from "../../src/wasm/worker-messages.ts";
import { reportMissing } from "../support/tools.ts";
import { edit } from "./model.ts";
import { smallFileSystem, temporaryDirectory } from "./temporary-directory.ts";

const BLOCK = 16384;
const GZIP = { kind: "gzip", level: "default" } as const;
const core = loadCore({ blockSize: BLOCK });

/** Encodes a block and writes it; what it became is added to the model first, as its memory is given back at once. */
async function writeBlock(encoder: BlockEncoder, sink: Sink, seed: number, model: Uint8Array[] = []): Promise<void> {
  const slot = await encoder.acquire();
  for (let i = 0; i < BLOCK; i++) slot[i] = (i * seed * 2654435761) >>> (seed % 2 === 0 ? 24 : 13);
  const block = await encoder.encode(slot, BLOCK);
  model.push(Uint8Array.from(block.bytes));
  await sink.write(block.bytes);
  block.release();
}

/** The same for several, which are all encoded before the first is written. */
async function writeBlocks(encoder: BlockEncoder, sink: Sink, count: number): Promise<Buffer> {
  const blocks = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const slot = await encoder.acquire();
      slot.fill(i + 1);
      return encoder.encode(slot, BLOCK - i);
    }),
  );
  const model = Buffer.concat(blocks.map(({ bytes }) => bytes));
  for (const block of blocks) {
    await sink.write(block.bytes);
    block.release();
  }
  return model;
}

type Opener = (directory: string) => Promise<{ readonly sink: Sink; readonly result: () => Promise<Uint8Array> }>;
const OPENERS: Record<string, Opener> = {
  FileSink: async (directory) => {
    const path = join(directory, "file");
    const sink = await FileSink.open(path, { overwrite: true });
    return { sink, result: async () => sink.finish().then(() => readFileSync(path)) };
  },
  "a window of an InPlaceSink": async (directory) => {
    const path = join(directory, "place");
    writeFileSync(path, "before");
    const fd = openSync(path, "r+");
    const outer = new InPlaceSink(fd, { what: path, base: 6 });
    await outer.write(Buffer.from("front"));
    const result = async () => {
      await outer.finish();
      closeSync(fd);
      expect(readFileSync(path).subarray(0, 11).toString()).toBe("beforefront");
      return readFileSync(path).subarray(11);
    };
    return { sink: new WindowSink(outer), result };
  },
  PipeSink: async (spoolDirectory) => {
    const destination = new PassThrough();
    const collected = buffer(destination);
    const sink = await PipeSink.open({ destination, spoolDirectory });
    return { sink, result: async () => sink.finish().then(() => collected) };
  },
  MemorySink: async () => {
    const sink = new MemorySink();
    return { sink, result: async () => sink.finish().then(() => sink.bytes) };
  },
};

const place = fc.double({ min: 0, max: 1, noNaN: true });
const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("blocks" as const), count: fc.integer({ min: 1, max: 24 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("write" as const), size: fc.integer({ min: 0, max: 600_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("patch" as const), at: place, size: fc.integer({ max: 40_000, min: 1 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("rewind" as const), at: place }) },
);

describe.each(Object.keys(OPENERS))("%s", (name) => {
  const open = OPENERS[name] as Opener;

  it.each([0, 2])("gets what is written, patched and rewound, its blocks by %d threads", async (workers) => {
    const directory = temporaryDirectory();
    const property = fc.asyncProperty(
      fc.array(operation, { maxLength: 12, minLength: 4 }),
      fc.boolean(),
      async (operations, endsFirst) => {
        const encoder = createBlockEncoder({ compression: GZIP, blockSize: BLOCK, workers });
        const { sink, result } = await open(directory);
        let model = Buffer.alloc(0);
        let seed = 1;
        for (const op of operations) {
          if (op.kind === "blocks") {
            const pieces: Uint8Array[] = [];
            for (let i = 0; i < op.count; i++) await writeBlock(encoder, sink, seed++, pieces);
            model = Buffer.concat([model, ...pieces]);
          } else if (op.kind === "write") {
            const bytes = Buffer.alloc(op.size, seed++);
            await sink.write(bytes);
            model = Buffer.concat([model, bytes]);
          } else {
            model = await edit(sink, model, op);
          }
          expect(sink.position).toBe(model.length);
        }
        // A conversion ends its threads before its sink.
        if (endsFirst) await encoder.close();
        expect(Buffer.compare(await result(), model)).toBe(0);
        await encoder.close();
      },
    );
    await fc.assert(property, { numRuns: 5 });
  });
});

describe("blocks that threads write", () => {
  /** One thread that stores blocks as they are, and does with writes what a script says; `gate` is shared with it. */
  function pool(onWrites: string) {
    const modules = ["job-board.js", "write-slots.js"].map((file) =>
      JSON.stringify(new URL(`../../dist/wasm/${file}`, import.meta.url).href),
    );
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const script = `
      const { parentPort, workerData: { board: { slotCount, memory, slots }, gate } } = require("node:worker_threads");
      Promise.all([import(${modules[0]}), import(${modules[1]})]).then(([{ JobBoard }, { writeSlots }]) => {
        const board = new JobBoard(slotCount, memory);
        const bytesOf = ({ slot, size }) => new Uint8Array(slots, slot * ${BLOCK}, size);
        for (;;) {
          const work = board.take();
          let wakes;
          if (work.kind === "block") wakes = board.answer(work.slot, { compressedSize: 0, hash: [0, 0, 0, 0] }, 1);
          else { ${onWrites} }
          if (wakes) parentPort.postMessage(0);
        }
      });`;
    const startWorker = (board: BoardSetup) => new Worker(script, { eval: true, workerData: { board, gate } });
    const codec = codecOf(core, GZIP);
    const options = { blockSize: BLOCK, slotCount: 16, workers: 1, codec, startWorker, isReady: () => true };
    const encoder = new PoolEncoder(options);
    onTestFinished(() => encoder.close());
    return { encoder, gate };
  }
  const WRITE = "wakes = board.answerWrites(work, writeSlots(work.writes, bytesOf));";
  /** Says that it has come to a write, and waits until it may go on. */
  const HELD = `Atomics.store(gate, 1, 1); Atomics.notify(gate, 1); Atomics.wait(gate, 0, 0); ${WRITE}`;
  const NEVER = "Atomics.store(gate, 1, 1); Atomics.notify(gate, 1); Atomics.wait(gate, 0, 0);";

  const reached = async (gate: Int32Array) => {
    while (Atomics.load(gate, 1) === 0) await sleep(5);
  };
  const letGo = (gate: Int32Array) => {
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  };

  it("are there after abort() of a sink only where they were before: it waits for them, and its number is free then", async () => {
    const directory = temporaryDirectory();
    const { encoder, gate } = pool(HELD);
    const sink = await FileSink.open(join(directory, "x.sif"));
    await writeBlocks(encoder, sink, 3);
    await reached(gate);
    let isOver = false;
    const over = sink.abort(undefined).then(() => {
      isOver = true;
    });
    await sleep(50);
    expect(isOver).toBe(false);
    const early = openSync(join(directory, "early"), "w");
    letGo(gate);
    await over;
    // One of these has the number of the file that was given up.
    const late = [1, 2, 3].map((i) => openSync(join(directory, `late${i}`), "w"));
    await writeBlock(encoder, new MemorySink(), 5);
    await encoder.close();
    for (const fd of [early, ...late]) closeSync(fd);
    expect(readdirSync(directory).toSorted()).toEqual(["early", "late1", "late2", "late3"]);
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).size).toBe(0);
  });

  it.each(["flush", "patch", "rewind"])("are waited for before %s", async (what) => {
    const path = join(temporaryDirectory(), "x");
    const fd = openSync(path, "w+");
    onTestFinished(() => closeSync(fd));
    const { encoder, gate } = pool(HELD);
    const sink = new InPlaceSink(fd, { path });
    const expected = await writeBlocks(encoder, sink, 3);
    await reached(gate);
    let isOver = false;
    const act = {
      flush: () => sink.finish(),
      patch: () => sink.patch(10, Buffer.from("patched")),
      rewind: () => sink.rewind(20).then(() => sink.write(expected.subarray(20))),
    }[what] as () => Promise<void>;
    const over = act().then(() => {
      isOver = true;
    });
    await sleep(50);
    expect(isOver).toBe(false);
    letGo(gate);
    await over;
    if (what === "patch") expected.write("patched", 10);
    if (what !== "flush") await sink.finish();
    expect(Buffer.compare(readFileSync(path), expected)).toBe(0);
  });

  it("are written by the caller where the threads were ended before, in their order", async () => {
    const path = join(temporaryDirectory(), "x");
    const { encoder, gate } = pool(NEVER);
    const sink = await FileSink.open(path);
    const expected = await writeBlocks(encoder, sink, 9);
    await reached(gate);
    await encoder.close();
    await sink.finish();
    expect(Buffer.compare(readFileSync(path), expected)).toBe(0);
  });

  it("hold up neither the sink's end nor the encoder's where their thread dies", async () => {
    const directory = temporaryDirectory();
    const { encoder } = pool("process.exit(7);");
    const sink = await FileSink.open(join(directory, "x.sif"));
    const writing = async () => {
      for (let i = 1; i < 100; i++) await writeBlock(encoder, sink, i);
    };
    await expect(writing()).rejects.toMatchObject({ code: "WORKER_FAILED", message: /exit code 7/ });
    await sink.abort(undefined);
    await encoder.close();
    expect(readdirSync(directory)).toEqual([]);
  });

  it("keep their slots until they are written, however many wait", async () => {
    const path = join(temporaryDirectory(), "x");
    const { encoder, gate } = pool(HELD);
    const sink = await FileSink.open(path);
    const model: Uint8Array[] = [];
    let count = 0;
    const writing = async () => {
      for (; count < 60; count++) await writeBlock(encoder, sink, count, model);
    };
    const over = writing();
    await reached(gate);
    await sleep(50);
    expect(count).toBeLessThanOrEqual(encoder.slotCount);
    letGo(gate);
    await over;
    await sink.finish();
    expect(Buffer.compare(readFileSync(path), Buffer.concat(model))).toBe(0);
  });

  it("tell of a full device as other bytes do", async () => {
    const { encoder } = pool(WRITE);
    const fd = openSync("/dev/full", "w");
    onTestFinished(() => closeSync(fd));
    const sink = new InPlaceSink(fd, { what: "the standard output", base: 5 });
    const writing = async () => {
      for (let i = 1; i < 4; i++) await writeBlock(encoder, sink, i);
      await sink.finish();
    };
    const message = "Cannot write the standard output at byte 0: no space left on device. Free some space, or ";
    await expect(writing()).rejects.toMatchObject({
      code: "DISK_FULL",
      message: expect.stringContaining(message),
      cause: { code: "ENOSPC", errno: -28, syscall: "write", message: "ENOSPC: no space left on device, write" },
    });
    await expect(sink.write(Buffer.from("x"))).rejects.toMatchObject({ code: "DISK_FULL" });
    await sink.abort(undefined);
  });

  it("tell of a full disk with the byte, and leave nothing behind", async () => {
    const directory = smallFileSystem(1024);
    if (directory === undefined) return reportMissing("mounting a tmpfs is not allowed here");
    const { encoder } = pool(WRITE);
    const sink = await FileSink.open(join(directory, "x.sif"));
    const writing = async () => {
      for (let i = 1; i < 100; i++) await writeBlock(encoder, sink, i);
      await sink.finish();
    };
    await expect(writing()).rejects.toMatchObject({ code: "DISK_FULL", details: { offset: 2 ** 20 } });
    await sink.abort(undefined);
    expect(readdirSync(directory)).toEqual([]);
  });
});
