import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, it, onTestFinished, vi } from "vitest";
import { writerOf } from "../../src/bytes/memory-writer.ts";
import { codecOf } from "../../src/wasm/block-codec.ts";
import type { EncodedBlock } from "../../src/wasm/block-encoder.ts";
import { loadCore } from "../../src/wasm/core.ts";
import { JobBoard } from "../../src/wasm/job-board.ts";
import { PoolEncoder } from "../../src/wasm/pool-encoder.ts";
import type { BoardSetup } from "../../src/wasm/worker-messages.ts";
import { temporaryDirectory } from "../sink/temporary-directory.ts";

const BLOCK = 16384;
/** A block of this size waits in its thread until it may be answered. */
const HELD_SIZE = 99;

/** Words that the test and its threads share. */
const Gate = { write: 0, atWrite: 1, block: 2, answered: 3, started: 4 } as const;

/** Where a thread holds a write: with it in hand, or with its place among the answers taken and not yet filled. */
type Holding = "in hand" | "half answered";

/** An encoder with two threads, which store blocks as they are and go on where the gate lets them. */
async function pool(holding: Holding) {
  const modules = ["job-board.js", "write-slots.js"].map((file) =>
    JSON.stringify(new URL(`../../dist/wasm/${file}`, import.meta.url).href),
  );
  const gate = new Int32Array(new SharedArrayBuffer(64));
  const script = `
    const { parentPort, workerData: { board: { slotCount, memory, slots }, gate } } = require("node:worker_threads");
    const { store } = Atomics;
    const reach = (word) => { store(gate, word, 1); Atomics.notify(gate, word); };
    const hold = () => { reach(${Gate.atWrite}); Atomics.wait(gate, ${Gate.write}, 0); };
    let isAnswering = false;
    Atomics.store = (...args) => {
      if (isAnswering) hold();
      isAnswering = false;
      return store(...args);
    };
    Promise.all([import(${modules[0]}), import(${modules[1]})]).then(([{ JobBoard }, { writeSlots }]) => {
      const board = new JobBoard(slotCount, memory);
      const bytesOf = ({ slot, size }) => new Uint8Array(slots, slot * ${BLOCK}, size);
      Atomics.add(gate, ${Gate.started}, 1);
      for (;;) {
        const work = board.take();
        let wakes;
        if (work.kind === "block") {
          if (work.size === ${HELD_SIZE}) Atomics.wait(gate, ${Gate.block}, 0);
          wakes = board.answer(work.slot, { compressedSize: 0, hash: [0, 0, 0, 0] }, 2);
          if (work.size === ${HELD_SIZE}) reach(${Gate.answered});
        } else {
          if (${holding === "in hand"}) hold();
          const results = writeSlots(work.writes, bytesOf);
          isAnswering = ${holding === "half answered"};
          wakes = board.answerWrites(work, results);
        }
        if (wakes) parentPort.postMessage(0);
      }
    });`;
  const startWorker = (board: BoardSetup) => new Worker(script, { eval: true, workerData: { board, gate } });
  const codec = codecOf(loadCore({ blockSize: BLOCK }), { kind: "none" });
  const encoder = new PoolEncoder({
    ...{ blockSize: BLOCK, slotCount: 16, workers: 2, codec, startWorker, isReady: () => true },
  });
  onTestFinished(() => encoder.close());
  const encode = async (size: number) => encoder.encode(await encoder.acquire(), size);
  const [first, second] = await Promise.all([encode(BLOCK), encode(BLOCK)]);
  second.release();
  while (Atomics.load(gate, Gate.started) < 2) await sleep(5);
  const go = (word: number) => {
    Atomics.store(gate, word, 1);
    Atomics.notify(gate, word);
  };
  return { encoder, gate, go, first };
}

/** Has a block written to a new file, by a thread. */
function begin({ bytes }: EncodedBlock) {
  const path = join(temporaryDirectory(), "file");
  const fd = openSync(path, "w");
  onTestFinished(() => closeSync(fd));
  let isTaken: boolean | undefined;
  const written = new Promise<void>((resolve, reject) => {
    const target = { fd, written: (_end: number, error?: Error) => (error === undefined ? resolve() : reject(error)) };
    isTaken = writerOf(bytes)?.write(bytes, target, 0);
  });
  expect(isTaken).toBe(true);
  return { path, written };
}

/** Waits in this very turn, as a thread that has lost its processor does. */
function blockUntil(gate: Int32Array, word: number): void {
  while (Atomics.load(gate, word) === 0) Atomics.wait(gate, word, 0, 1000);
}

/** Lets the held block be answered when the encoder has found no answer, and is about to sleep until a block's comes. */
function answerBeforeSleep({ gate, go }: Pick<Awaited<ReturnType<typeof pool>>, "gate" | "go">): void {
  const spy = vi.spyOn(JobBoard.prototype, "sleep").mockImplementation(function (this: JobBoard, options) {
    spy.mockRestore();
    if (options.any) throw new Error("no block was in hand");
    go(Gate.block);
    blockUntil(gate, Gate.answered);
    this.sleep(options);
  });
}

it.each<[string, Holding]>([
  ["while a write is under way", "in hand"],
  ["behind a write's, for which nobody is woken", "half answered"],
])("hears of a write where the last block's answer came just before its sleep, %s", async (_where, holding) => {
  const { encoder, gate, go, first } = await pool(holding);
  const { path, written } = begin(first);
  while (Atomics.load(gate, Gate.atWrite) === 0) await sleep(5);
  answerBeforeSleep({ gate, go });
  const last = encoder.encode(await encoder.acquire(), HELD_SIZE);
  if (holding === "in hand") await last;
  else while (Atomics.load(gate, Gate.answered) === 0) await sleep(5);
  // By now the encoder sleeps, if it would.
  await sleep(20);
  go(Gate.write);
  await Promise.all([last, written]);
  expect(readFileSync(path)).toHaveLength(BLOCK);
});

it("has a block encoded while the thread that was woken for it writes", async () => {
  const { encoder, gate, go, first } = await pool("in hand");
  const buffer = await encoder.acquire();
  const { path, written } = begin(first);
  const block = encoder.encode(buffer, BLOCK);
  blockUntil(gate, Gate.atWrite);
  expect((await block).bytes).toHaveLength(BLOCK);
  go(Gate.write);
  await written;
  expect(readFileSync(path)).toHaveLength(BLOCK);
});
