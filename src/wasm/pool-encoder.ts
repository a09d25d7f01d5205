import type { Worker } from "node:worker_threads";
import type { BlockCodec } from "./block-codec.ts";
import type { BlockEncoder, EncodedBlock } from "./block-encoder.ts";
import { EncoderError } from "./errors.ts";
import { encodedBlock, encodeInline } from "./inline-encoder.ts";
import { Slots } from "./slots.ts";
import type { EncodeAnswer, EncodeRequest } from "./worker-messages.ts";

/**
 * Blocks encoded on the calling thread before the first worker is started. A worker needs 25–30 ms to its
 * first block, in which this thread does a dozen; small images never start one.
 */
const INLINE_BLOCKS = 8;

/** Blocks a worker has at once: one in work, the rest so that it never waits for this thread's next turn. */
export const BLOCKS_PER_WORKER = 4;

interface Job {
  readonly buffer: Uint8Array;
  readonly size: number;
  readonly resolve: (block: EncodedBlock) => void;
  readonly reject: (error: Error) => void;
}

interface Lane {
  readonly worker: Worker;
  /** Jobs in the worker's hands; it answers in this order. */
  readonly jobs: Job[];
}

export interface PoolEncoderOptions {
  readonly blockSize: number;
  readonly slotCount: number;
  /** At least 1. */
  readonly workers: number;
  /** For the first blocks, on this thread. */
  readonly codec: BlockCodec;
  readonly startWorker: () => Worker;
  /** Whether a worker is at hand at once. */
  readonly isReady?: () => boolean;
}

/** Encodes in worker threads, started when there is work for them. */
export class PoolEncoder implements BlockEncoder {
  readonly blockSize: number;
  readonly slotCount: number;
  readonly #options: PoolEncoderOptions;
  readonly #slots: Slots;
  readonly #lanes: Lane[] = [];
  /** Jobs for which every worker is too busy. */
  readonly #queue: Job[] = [];
  #inlineLeft = INLINE_BLOCKS;
  #error: Error | undefined;

  constructor(options: PoolEncoderOptions) {
    this.blockSize = options.blockSize;
    this.slotCount = options.slotCount;
    this.#options = options;
    this.#slots = new Slots(options.slotCount, options.blockSize);
  }

  acquire(): Promise<Uint8Array> {
    return this.#slots.acquire();
  }

  encode(buffer: Uint8Array, size: number): Promise<EncodedBlock> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#inlineLeft > 0 && this.#lanes.length === 0 && this.#options.isReady?.() !== true) {
      this.#inlineLeft--;
      return Promise.resolve(encodeInline(this.#options.codec, buffer, size, this.#slots));
    }
    return new Promise((resolve, reject) => {
      const job = { buffer, size, resolve, reject };
      const lane = this.#leastBusy();
      if (lane === undefined) this.#queue.push(job);
      else send(lane, job);
    });
  }

  async close(): Promise<void> {
    this.#fail(new EncoderError("ENCODER_CLOSED"));
    await Promise.all(this.#lanes.map(({ worker }) => worker.terminate()));
  }

  #leastBusy(): Lane | undefined {
    let best: Lane | undefined;
    for (const lane of this.#lanes) if (best === undefined || lane.jobs.length < best.jobs.length) best = lane;
    if ((best === undefined || best.jobs.length > 0) && this.#lanes.length < this.#options.workers)
      return this.#start();
    return best !== undefined && best.jobs.length < BLOCKS_PER_WORKER ? best : undefined;
  }

  #start(): Lane {
    const worker = this.#options.startWorker();
    const lane: Lane = { worker, jobs: [] };
    worker.on("message", (answer: EncodeAnswer) => this.#receive(lane, answer));
    worker.on("error", (cause) => this.#fail(new EncoderError("WORKER_FAILED", { cause })));
    worker.on("exit", (exitCode) => this.#fail(new EncoderError("WORKER_FAILED", { exitCode })));
    this.#lanes.push(lane);
    return lane;
  }

  #receive(lane: Lane, answer: EncodeAnswer): void {
    const job = lane.jobs.shift();
    if (job === undefined || this.#error !== undefined) return;
    const next = this.#queue.shift();
    if (next !== undefined) send(lane, next);
    const buffer = new Uint8Array(answer.buffer);
    job.resolve(encodedBlock(buffer, job.size, answer.compressedSize, answer.hash, this.#slots));
  }

  /** One worker that ends takes all with it: its blocks are lost, and the output with them. */
  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#slots.fail(error);
    const jobs = [...this.#lanes.flatMap((lane) => lane.jobs.splice(0)), ...this.#queue.splice(0)];
    for (const job of jobs) job.reject(error);
  }
}

function send(lane: Lane, job: Job): void {
  lane.jobs.push(job);
  const buffer = job.buffer.buffer as ArrayBuffer;
  lane.worker.postMessage({ buffer, size: job.size } satisfies EncodeRequest, [buffer]);
}
