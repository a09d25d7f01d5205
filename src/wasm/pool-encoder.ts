import type { Worker } from "node:worker_threads";
import type { BlockCodec, BlockResult } from "./block-codec.ts";
import type { BlockEncoder, EncodedBlock, LentBlock } from "./block-encoder.ts";
import { EncoderError } from "./errors.ts";
import { encodedBlock, encodeInline } from "./inline-encoder.ts";
import { JobBoard, REFUSED } from "./job-board.ts";
import { Slots } from "./slots.ts";
import type { BoardSetup, LentMemory } from "./worker-messages.ts";

/**
 * Blocks encoded on the calling thread before the first worker is started. A worker needs 25–30 ms to its
 * first block, in which this thread does a dozen; small images never start one.
 */
const INLINE_BLOCKS = 8;

/** Blocks for each worker: one in work, the rest so that it never waits for this thread's next turn. */
export const BLOCKS_PER_WORKER = 4;

interface Job {
  readonly buffer: Uint8Array;
  readonly block: number | LentBlock;
  readonly resolve: (block: EncodedBlock) => void;
  readonly reject: (error: Error) => void;
}

export interface PoolEncoderOptions {
  readonly blockSize: number;
  readonly slotCount: number;
  /** At least 1. */
  readonly workers: number;
  /** For the first blocks, on this thread. */
  readonly codec: BlockCodec;
  readonly startWorker: (board: BoardSetup) => Worker;
  /** Whether a worker is at hand at once. */
  readonly isReady?: () => boolean;
}

/** Encodes in worker threads, started when there is work for them; blocks and results lie in memory that all share. */
export class PoolEncoder implements BlockEncoder {
  readonly blockSize: number;
  readonly slotCount: number;
  readonly #options: PoolEncoderOptions;
  readonly #board: JobBoard;
  readonly #setup: BoardSetup;
  readonly #slots: Slots;
  readonly #workers: Worker[] = [];
  /** Memories that lent blocks lie in; the first are the slots. */
  readonly #lent: SharedArrayBuffer[];
  /** What the threads have in hand, by slot. */
  readonly #jobs = new Map<number, Job>();
  #inlineLeft = INLINE_BLOCKS;
  #error: Error | undefined;

  constructor(options: PoolEncoderOptions) {
    const { blockSize, slotCount, workers } = options;
    this.blockSize = blockSize;
    this.slotCount = slotCount;
    this.#options = options;
    // The kernel gives memory to those slots alone that are used.
    const memory = new SharedArrayBuffer(slotCount * blockSize);
    this.#slots = new Slots(slotCount, (slot) => new Uint8Array(memory, slot * blockSize, blockSize));
    this.#lent = [memory];
    this.#board = new JobBoard(slotCount);
    // As many as are in work: each thread has a next one, while this one comes and sees.
    this.#setup = { slotCount, memory: this.#board.memory, slots: memory, enough: workers };
  }

  acquire(): Uint8Array | Promise<Uint8Array> {
    // Sooner than the wake-up that may be on its way.
    if (!this.#slots.hasFree) this.#collect();
    return this.#slots.acquire();
  }

  encode(buffer: Uint8Array, block: number | LentBlock): Promise<EncodedBlock> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#inlineLeft > 0 && this.#workers.length === 0 && this.#options.isReady?.() !== true) {
      this.#inlineLeft--;
      return Promise.resolve(encodeInline(this.#options.codec, buffer, block, this.#slots));
    }
    return new Promise((resolve, reject) => this.#handIn({ buffer, block, resolve, reject }));
  }

  async close(): Promise<void> {
    this.#fail(new EncoderError("ENCODER_CLOSED"));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #handIn(job: Job): void {
    const { buffer, block } = job;
    const slot = buffer.byteOffset / this.blockSize;
    if (this.#jobs.size >= this.#workers.length && this.#workers.length < this.#options.workers) this.#start();
    this.#jobs.set(slot, job);
    if (typeof block === "number") {
      this.#board.handIn({ slot, memory: 0, offset: buffer.byteOffset, size: block });
      return;
    }
    block.lease.keep();
    const { byteOffset: offset, length: size } = block.bytes;
    this.#board.handIn({ slot, memory: this.#numberOf(block.bytes.buffer as SharedArrayBuffer), offset, size });
  }

  /** The number of a lent memory, which the threads are told of before the first job that names it. */
  #numberOf(memory: SharedArrayBuffer): number {
    const known = this.#lent.lastIndexOf(memory);
    if (known >= 0) return known;
    const number = this.#lent.push(memory) - 1;
    this.#tell(number, memory);
    return number;
  }

  #tell(number: number, memory: SharedArrayBuffer): void {
    for (const worker of this.#workers) worker.postMessage({ number, memory } satisfies LentMemory);
  }

  #start(): void {
    const worker = this.#options.startWorker(this.#setup);
    worker.on("message", () => this.#awake());
    worker.on("error", (cause) => this.#fail(new EncoderError("WORKER_FAILED", { cause })));
    worker.on("exit", (exitCode) => this.#fail(new EncoderError("WORKER_FAILED", { exitCode })));
    for (const [number, memory] of this.#lent.entries())
      if (number > 0) worker.postMessage({ number, memory } satisfies LentMemory);
    this.#workers.push(worker);
  }

  #awake(): void {
    this.#collect();
    this.#board.sleep();
    // What came in between has woken nobody.
    this.#collect();
  }

  #collect(): void {
    for (let slot = this.#board.nextAnswer(); slot !== undefined; slot = this.#board.nextAnswer()) {
      const job = this.#jobs.get(slot);
      if (job === undefined) continue;
      this.#jobs.delete(slot);
      job.resolve(this.#finish(job, this.#board.answerOf(slot)));
    }
  }

  #finish({ buffer, block }: Job, result: BlockResult): EncodedBlock {
    if (typeof block === "number") return encodedBlock(buffer, block, result, this.#slots);
    try {
      if (result.compressedSize !== REFUSED) return encodedBlock(buffer, block.bytes.length, result, this.#slots);
      // The message that tells of the memory goes out before the job. Yet on a machine with ten times more to do than
      // it can, a thread that had just started has found the job first, once in dozens of runs: nothing is lost by it.
      const memory = block.bytes.buffer as SharedArrayBuffer;
      this.#tell(this.#numberOf(memory), memory);
      return encodeInline(this.#options.codec, buffer, block, this.#slots);
    } finally {
      block.lease.release();
    }
  }

  /** One worker that ends takes all with it: its blocks are lost, and the output with them. */
  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#slots.fail(error);
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    for (const job of jobs) job.reject(error);
  }
}
