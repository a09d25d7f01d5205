import { createHash } from "node:crypto";
import { Worker } from "node:worker_threads";
import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { codecOf } from "../../src/wasm/block-codec.ts";
import type { BlockEncoder, EncodedBlock } from "../../src/wasm/block-encoder.ts";
import type { Compression } from "../../src/wasm/compression.ts";
import { loadCore } from "../../src/wasm/core.ts";
import { createBlockEncoder } from "../../src/wasm/create-block-encoder.ts";
import { PoolEncoder } from "../../src/wasm/pool-encoder.ts";
import type { BoardSetup } from "../../src/wasm/worker-messages.ts";

const BLOCK = 16384;
const GZIP: Compression = { kind: "gzip", level: "default" };
const core = loadCore({ blockSize: BLOCK });

function sample(seed: number, size: number = BLOCK): Uint8Array {
  const text = Buffer.alloc(size, `block ${seed} of many, `);
  // Every third cannot be compressed.
  if (seed % 3 === 0) text.set(createHash("shake256", { outputLength: size }).update(`${seed}`).digest());
  return text;
}

async function encode(encoder: BlockEncoder, block: Uint8Array): Promise<EncodedBlock> {
  const buffer = await encoder.acquire();
  buffer.set(block);
  return encoder.encode(buffer, block.length);
}

describe.each([0, 1, 2, 4])("createBlockEncoder() with %d workers", (workers) => {
  it("compresses blocks, stores what does not shrink, and hashes the input", async () => {
    const encoder = createBlockEncoder({ compression: GZIP, blockSize: BLOCK, workers });
    for (let i = 0; i < 40; i++) {
      const input = sample(i, i === 39 ? 5 : BLOCK - i);
      const block = await encode(encoder, input);
      expect(block.stored).toBe(i % 3 === 0);
      const output = block.stored ? block.bytes : inflateSync(block.bytes);
      expect(Buffer.compare(output, input)).toBe(0);
      expect(block.hash).toEqual(core.contentHash(input));
      block.release();
    }
    await encoder.close();
  });

  it("encodes blocks that lie in other memory, and gives each back once it is read", async () => {
    const encoder = createBlockEncoder({ compression: GZIP, blockSize: BLOCK, workers });
    // A new memory now and then, as other threads come.
    for (let round = 0; round < 4; round++) {
      const memory = new Uint8Array(new SharedArrayBuffer(12 * BLOCK));
      let kept = 0;
      const lease = { keep: () => kept++, release: () => kept-- };
      const encoded = Array.from({ length: 12 }, async (_, i) => {
        const bytes = memory.subarray(i * BLOCK, (i + 1) * BLOCK - (i % 2));
        bytes.set(sample(12 * round + i, bytes.length));
        const block = await encoder.encode(await encoder.acquire(), { bytes, lease });
        const output = Buffer.from(block.stored ? block.bytes : inflateSync(block.bytes));
        expect(block.hash).toEqual(core.contentHash(bytes));
        block.release();
        return Buffer.compare(output, sample(12 * round + i, bytes.length));
      });
      expect(await Promise.all(encoded)).toEqual(Array.from({ length: 12 }, () => 0));
      expect(kept).toBe(0);
    }
    await encoder.close();
  });

  it("lends slotCount buffers and no more, and lends them again", async () => {
    const encoder = createBlockEncoder({ compression: GZIP, blockSize: BLOCK, workers });
    const lent: Uint8Array[] = [];
    for (let i = 0; i < encoder.slotCount; i++) lent.push(await encoder.acquire());
    let waited = true;
    const late = Promise.resolve(encoder.acquire()).then((buffer) => {
      waited = false;
      return buffer;
    });
    const blocks = await Promise.all(lent.map((buffer) => encoder.encode(buffer, 100)));
    expect(waited).toBe(true);
    blocks[0]?.release();
    expect((await late).length).toBe(BLOCK);
    await encoder.close();
  });

  it("close() rejects what is under way, ends the threads, and may be called twice", async () => {
    const encoder = createBlockEncoder({ compression: GZIP, blockSize: BLOCK, workers });
    for (let i = 0; i < 12; i++) (await encode(encoder, sample(i))).release();
    const buffers = await Promise.all([1, 2, 3].map(async () => encoder.acquire()));
    const pending = buffers.map((buffer) => encoder.encode(buffer, BLOCK));
    const outcomes = Promise.allSettled(pending);
    await Promise.all([encoder.close(), encoder.close()]);
    for (const outcome of await outcomes)
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "ENCODER_CLOSED" } });
    await expect(encoder.acquire()).rejects.toMatchObject({ code: "ENCODER_CLOSED" });
  });
});

it.each([-1, 1.5, Number.NaN])("createBlockEncoder() refuses %d workers", (workers) => {
  expect(() => createBlockEncoder({ compression: GZIP, blockSize: BLOCK, workers })).toThrow(RangeError);
});

describe("PoolEncoder", () => {
  function pool(script: string, workers = 2) {
    const started: Worker[] = [];
    const startWorker = (board: BoardSetup) => {
      const worker = new Worker(script, { eval: true, workerData: board });
      started.push(worker);
      return worker;
    };
    const codec = codecOf(core, GZIP);
    return { started, encoder: new PoolEncoder({ blockSize: BLOCK, slotCount: 16, workers, codec, startWorker }) };
  }
  const BOARD = JSON.stringify(new URL("../../dist/wasm/job-board.js", import.meta.url).href);
  const serve = (answer: string) => `
    const { parentPort, receiveMessageOnPort, workerData: { slotCount, memory, enough } } = require("node:worker_threads");
    import(${BOARD}).then(({ JobBoard }) => {
      const board = new JobBoard(slotCount, memory);
      for (;;) {
        const { slot, size } = board.take();
        ${answer}
      }
    });`;
  const ECHO = serve(
    "if (board.answer(slot, { compressedSize: 1, hash: [size, 0, 0, 0] }, enough)) parentPort.postMessage(0);",
  );

  it("starts no worker for 8 blocks, and one per waiting block from then on", async () => {
    const { encoder, started } = pool(ECHO);
    for (let i = 0; i < 8; i++) (await encode(encoder, sample(1))).release();
    expect(started).toHaveLength(0);
    (await encode(encoder, sample(1))).release();
    expect(started).toHaveLength(1);
    await Promise.all([encode(encoder, sample(1)), encode(encoder, sample(2)), encode(encoder, sample(4))]);
    expect(started).toHaveLength(2);
    await encoder.close();
  });

  it("gives each answer to the block that it belongs to", async () => {
    const { encoder } = pool(ECHO);
    const sizes = Array.from({ length: 200 }, (_, i) => i + 1);
    const blocks = await Promise.all(
      sizes.map(async (size) => {
        const block = await encode(encoder, sample(1, size));
        block.release();
        return block.hash[0];
      }),
    );
    expect(blocks.slice(8)).toEqual(sizes.slice(8));
    await encoder.close();
  });

  it("encodes a block here that a worker refuses, as it does not know the memory, and tells it once more", async () => {
    const refuse = serve(`
      const told = [];
      for (let m; (m = receiveMessageOnPort(parentPort)) !== undefined; ) told.push(m.message.number);
      const hash = [told.length, 0, 0, 0];
      if (board.answer(slot, { compressedSize: size === 1 ? 1 : -1, hash }, enough)) parentPort.postMessage(0);
    `);
    const { encoder } = pool(refuse, 1);
    for (let i = 0; i < 8; i++) (await encode(encoder, sample(1))).release();
    const bytes = new Uint8Array(new SharedArrayBuffer(BLOCK));
    bytes.set(sample(5));
    let kept = 0;
    const lease = { keep: () => kept++, release: () => kept-- };
    const block = await encoder.encode(await encoder.acquire(), { bytes, lease });
    expect(Buffer.compare(inflateSync(block.bytes), bytes)).toBe(0);
    expect(block.hash).toEqual(core.contentHash(bytes));
    expect(kept).toBe(0);
    block.release();
    // The worker has heard of the memory once before that block, and once after it.
    expect((await encode(encoder, sample(1, 1))).hash[0]).toBe(1);
    await encoder.close();
  });

  it.each([
    ["throws", `throw new Error("out of luck");`, /out of luck/],
    ["exits", "process.exit(3);", /exit code 3/],
    ["dies at a block", serve("process.exit(7);"), /exit code 7/],
  ])("a worker that %s fails every block with one clear error", async (_how, script, message) => {
    const { encoder } = pool(script);
    for (let i = 0; i < 8; i++) (await encode(encoder, sample(1))).release();
    const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map((i) => encode(encoder, sample(i))));
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: { code: "WORKER_FAILED", message: expect.stringMatching(message) },
      });
    await encoder.close();
  });
});
