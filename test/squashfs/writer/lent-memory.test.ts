import { describe, expect, it } from "vitest";
import { FsTree } from "../../../src/fstree/tree.ts";
import { SLOT_SIZE as SLOT } from "../../../src/layer/thread/messages.ts";
import { SlotMemory } from "../../../src/layer/thread/slot-memory.ts";
import { MemorySink } from "../../../src/sink/memory-sink.ts";
import { SquashfsWriter } from "../../../src/squashfs/writer.ts";
import type { Compression } from "../../../src/wasm/compression.ts";
import { createBlockEncoder } from "../../../src/wasm/create-block-encoder.ts";
import { noise, testCore } from "./image-builder.ts";

const compression: Compression = { kind: "gzip", level: "fast" };

/** What a layer's thread does: fills slots that are free, and waits where there is none. */
class LentBytes {
  readonly #memory: SlotMemory;
  readonly #free: number[];
  #wake = (): void => {};

  constructor(slotCount: number) {
    this.#memory = new SlotMemory(slotCount);
    this.#free = Array.from({ length: slotCount }, (_, slot) => slot);
    this.#memory.attach((slot) => {
      new Uint8Array(this.#memory.memory, slot * SLOT, SLOT).fill(0xee);
      this.#free.push(slot);
      this.#wake();
    });
  }

  async *parts(content: Uint8Array, pieceSize: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; at < content.length; at += pieceSize) {
      while (this.#free.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      const slot = this.#free.shift() as number;
      const piece = content.subarray(at, at + pieceSize);
      new Uint8Array(this.#memory.memory, slot * SLOT, piece.length).set(piece);
      yield this.#memory.lend(slot, piece.length);
      this.#memory.release(slot);
    }
  }

  get isDone(): boolean {
    this.#memory.detach();
    return this.#memory.isIdle;
  }
}

/** Contents whose ends lie anywhere in a slot: holes, blocks that go over its end, tails, one that comes twice. */
function contents(blockSize: number): Uint8Array[] {
  const mixed = noise(5 * blockSize + 1000, 3);
  mixed.fill(0, 2 * blockSize, 3 * blockSize);
  const text = Buffer.alloc(7 * blockSize - 1, "compressible ");
  return [noise(SLOT + 2 * blockSize + 17, 1), noise(900, 2), mixed, text, new Uint8Array(3 * blockSize), mixed];
}

async function write(
  workers: number,
  blockSize: number,
  partsOf: (content: Uint8Array) => AsyncIterable<Uint8Array> | Uint8Array,
): Promise<Uint8Array> {
  const core = testCore(blockSize);
  const encoder = createBlockEncoder({ compression, blockSize, workers, core });
  const sink = new MemorySink();
  const writer = new SquashfsWriter({ sink, encoder, compression, core });
  try {
    for (const content of contents(blockSize)) await writer.contents.add(content.length, partsOf(content));
    await writer.contents.add(3, Buffer.from("end"));
    await writer.finish(new FsTree(), { mtimeSec: 0 });
  } finally {
    await encoder.close();
  }
  return sink.bytes;
}

describe("SquashfsWriter, from memory that is lent", () => {
  // The fewest slots that there are, and pieces smaller than a block: nothing may wait for the next slot with one in hand.
  it.each([
    ["inline", 0, 131_072, 2, SLOT],
    ["a worker", 1, 131_072, 2, SLOT],
    ["3 workers", 3, 131_072, 2, SLOT],
    ["3 workers, one slot", 3, 131_072, 1, SLOT],
    ["pieces of a block and a half", 3, 131_072, 2, 196_608],
    ["pieces smaller than a block", 3, 131_072, 2, 50_001],
    ["blocks as large as a slot", 2, 1_048_576, 2, SLOT],
    ["blocks as large as a slot, pieces that are not", 2, 1_048_576, 2, SLOT - 4096],
    ["small blocks", 3, 4096, 2, SLOT],
  ])("gives the same image: %s", async (_how, workers, blockSize, slotCount, pieceSize) => {
    const expected = await write(0, blockSize, (content) => content);
    const lent = new LentBytes(slotCount);
    const image = await write(workers, blockSize, (content) => lent.parts(content, pieceSize));
    expect(Buffer.compare(image, expected)).toBe(0);
    expect(lent.isDone).toBe(true);
  });
});
