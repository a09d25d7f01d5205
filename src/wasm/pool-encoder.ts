import type { Worker } from "node:worker_threads";
import { offerWriter, type WriteTarget } from "../bytes/memory-writer.ts";
import type { BlockCodec } from "./block-codec.ts";
import type { BlockEncoder, EncodedBlock, LentBlock } from "./block-encoder.ts";
import { EncoderError } from "./errors.ts";
import { encodedBlock, encodeInline } from "./inline-encoder.ts";
import { JobBoard, REFUSED } from "./job-board.ts";
import { SlotWrites } from "./slot-writes.ts";
import { Slots } from "./slots.ts";
import type { BoardSetup, LentMemory } from "./worker-messages.ts";

/**
 * Blocks encoded on the calling thread before the first worker is started. A worker needs 25–30 ms to its
 * first block, in which this thread does a dozen; small images never start one.
 */
const INLINE_BLOCKS = 8;

/** Blocks for each worker: one in work, the rest so that it never waits for this thread's next turn. */
export const BLOCKS_PER_WORKER = 4;

/** What a slot is at: with the caller or a thread (or nobody); encoded; given back by the caller, but still being written. */
const SlotState = { lent: 0, encoded: 1, released: 2 } as const;

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

/**
 * Encodes in worker threads, started when there is work for them; blocks and results lie in memory that all share. The
 * same threads write results to files, for whoever asks for the writer of that memory.
 */
export class PoolEncoder implements BlockEncoder {
  readonly blockSize: number;
  readonly slotCount: number;
  readonly #options: PoolEncoderOptions;
  readonly #board: JobBoard;
  readonly #setup: BoardSetup;
  readonly #slots: Slots;
  readonly #memory: SharedArrayBuffer;
  readonly #states: Uint8Array;
  readonly #writes: SlotWrites;
  /** Where encoded blocks give their buffers back. */
  readonly #home = { release: (buffer: Uint8Array): void => this.#release(buffer) };
  readonly #workers: Worker[] = [];
  /** Memories that lent blocks lie in; the first are the slots. */
  readonly #lent: SharedArrayBuffer[];
  /** Blocks that the threads have in hand, by slot. */
  readonly #jobs: (Job | undefined)[] = [];
  #jobCount = 0;
  #inlineLeft = INLINE_BLOCKS;
  /** While this thread will look for answers by itself. */
  #looksAgain = false;
  #error: Error | undefined;
  /** Set with the error. */
  #ended: Promise<void> | undefined;

  constructor(options: PoolEncoderOptions) {
    const { blockSize, slotCount, workers } = options;
    this.blockSize = blockSize;
    this.slotCount = slotCount;
    this.#options = options;
    // The kernel gives memory to those slots alone that are used.
    const memory = new SharedArrayBuffer(slotCount * blockSize);
    this.#memory = memory;
    this.#slots = new Slots(slotCount, (slot) => this.#bytesOf(slot, blockSize));
    this.#states = new Uint8Array(slotCount);
    this.#lent = [memory];
    this.#board = new JobBoard(slotCount);
    this.#writes = new SlotWrites(this.#board, ({ slot, size }) => this.#bytesOf(slot, size));
    offerWriter(memory, { write: (bytes, target, position) => this.#write(bytes, target, position) });
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
      return Promise.resolve(this.#encodeHere(buffer, block));
    }
    return new Promise((resolve, reject) => this.#handIn({ buffer, block, resolve, reject }));
  }

  async close(): Promise<void> {
    this.#fail(new EncoderError("ENCODER_CLOSED"));
    await this.#ended;
  }

  #bytesOf(slot: number, size: number): Uint8Array {
    return new Uint8Array(this.#memory, slot * this.blockSize, size);
  }

  #encodeHere(buffer: Uint8Array, block: number | LentBlock): EncodedBlock {
    this.#states[buffer.byteOffset / this.blockSize] = SlotState.encoded;
    return encodeInline(this.#options.codec, buffer, block, this.#home);
  }

  #handIn(job: Job): void {
    const { buffer, block } = job;
    const slot = buffer.byteOffset / this.blockSize;
    if (this.#jobCount >= this.#workers.length && this.#workers.length < this.#options.workers) this.#start();
    this.#jobs[slot] = job;
    this.#jobCount++;
    if (typeof block === "number") {
      this.#board.handIn({ slot, memory: 0, offset: buffer.byteOffset, size: block });
    } else {
      block.lease.keep();
      const { byteOffset: offset, length: size } = block.bytes;
      this.#board.handIn({ slot, memory: this.#numberOf(block.bytes.buffer as SharedArrayBuffer), offset, size });
    }
    this.#lookAgain();
  }

  /** Takes what is encoded, and nothing else: only that stays as it is until it is given back. */
  #write(bytes: Uint8Array, target: WriteTarget, position: number): boolean {
    const slot = bytes.byteOffset / this.blockSize;
    if (this.#error !== undefined || this.#workers.length === 0) return false;
    if (this.#states[slot] !== SlotState.encoded || this.#writes.has(slot)) return false;
    this.#writes.begin(slot, bytes.length, target, position);
    this.#lookAgain();
    return true;
  }

  #release(buffer: Uint8Array): void {
    const slot = buffer.byteOffset / this.blockSize;
    if (this.#states[slot] !== SlotState.encoded) return;
    if (this.#writes.has(slot)) this.#states[slot] = SlotState.released;
    else this.#free(slot, buffer);
  }

  #free(slot: number, buffer: Uint8Array): void {
    this.#states[slot] = SlotState.lent;
    this.#slots.release(buffer);
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
    this.#lookAgain();
  }

  /**
   * At the end of this turn of the event loop answers are looked for, and again until there are none: until then no
   * thread has to wake this one, which is at work anyway.
   */
  #lookAgain(): void {
    if (this.#looksAgain) return;
    this.#looksAgain = true;
    this.#board.stayAwake();
    setImmediate(this.#turnEnds);
  }

  readonly #turnEnds = (): void => {
    this.#looksAgain = false;
    // A thread that was ended may have left an answer that never comes; `#end` takes the others.
    if (this.#error !== undefined) return;
    if (this.#collect()) {
      this.#lookAgain();
      return;
    }
    // A write's end matters to those alone who wait for a slot, or for the file; as long as blocks are in hand, soon enough.
    this.#board.sleep({ any: this.#jobCount === 0 || this.#slots.isWaitedFor });
    // What came in between has woken nobody; were it the last block's, no write's end would wake this thread any more.
    if (this.#board.hasAnswers) this.#lookAgain();
    // Who works comes by; if none does, one is to come.
    else if (this.#board.hasWaitingWrites) this.#board.wake();
  };

  /** Whether there were answers. */
  #collect(): boolean {
    let slot = this.#board.nextAnswer();
    if (slot === undefined) return false;
    for (; slot !== undefined; slot = this.#board.nextAnswer()) {
      const job = this.#jobs[slot];
      if (job !== undefined) {
        this.#jobs[slot] = undefined;
        this.#jobCount--;
        job.resolve(this.#finish(job, slot));
      } else if (this.#writes.has(slot)) {
        this.#writes.end(slot);
        this.#written(slot);
      }
    }
    return true;
  }

  #written(slot: number): void {
    if (this.#states[slot] === SlotState.released) this.#free(slot, this.#bytesOf(slot, this.blockSize));
  }

  #finish({ buffer, block }: Job, slot: number): EncodedBlock {
    const result = this.#board.answerOf(slot);
    this.#states[slot] = SlotState.encoded;
    if (typeof block === "number") return encodedBlock(buffer, block, result, this.#home);
    try {
      if (result.compressedSize !== REFUSED) return encodedBlock(buffer, block.bytes.length, result, this.#home);
      // The message that tells of the memory goes out before the job. Yet on a machine with ten times more to do than
      // it can, a thread that had just started has found the job first, once in dozens of runs: nothing is lost by it.
      const memory = block.bytes.buffer as SharedArrayBuffer;
      this.#tell(this.#numberOf(memory), memory);
      return this.#encodeHere(buffer, block);
    } finally {
      block.lease.release();
    }
  }

  /** One worker that ends takes all with it: its blocks are lost, and the output with them. */
  #fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#slots.fail(error);
    const jobs = this.#jobs.splice(0);
    this.#jobCount = 0;
    for (const job of jobs) job?.reject(error);
    this.#ended = this.#end();
  }

  /** Whoever has given a block to be written is told what came of it, whatever ended the threads. */
  async #end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
    this.#collect();
    await this.#writes.takeOver((slot) => this.#written(slot));
  }
}
