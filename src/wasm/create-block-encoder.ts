import { codecOf } from "./block-codec.ts";
import type { BlockEncoder } from "./block-encoder.ts";
import type { Compression } from "./compression.ts";
import { type Core, loadCore } from "./core.ts";
import { compileCore } from "./core-module.ts";
import { EncoderThreads } from "./encoder-threads.ts";
import { InlineEncoder } from "./inline-encoder.ts";
import { BLOCKS_PER_WORKER, PoolEncoder } from "./pool-encoder.ts";
import type { BoardSetup, WorkerSetup } from "./worker-messages.ts";

/**
 * Buffers beyond those in the workers' hands: what waits for its turn to be written. Also what the writer
 * sets aside for fragment blocks, which complete late; see FRAGMENTS_IN_FLIGHT in squashfs/.
 */
const SPARE_SLOTS = 8;

/** How blocks are encoded, and by how many threads. */
export interface BlockEncoderOptions {
  readonly compression: Compression;
  /** Largest block. */
  readonly blockSize: number;
  /** Threads to use; 0 encodes on the calling thread. */
  readonly workers: number;
  /** An instance of this thread to share; it must take blocks of `blockSize`. */
  readonly core?: Core;
  /**
   * Where the threads come from, which may have been started before.
   * @internal
   */
  readonly threads?: EncoderThreads | undefined;
}

/**
 * The encoder for a number of threads. The number changes the speed, never the bytes.
 * @throws RangeError where `workers` is not a whole number from 0 on
 */
export function createBlockEncoder(options: BlockEncoderOptions): BlockEncoder {
  const { compression, blockSize, workers } = options;
  if (!Number.isInteger(workers) || workers < 0)
    throw new RangeError(`workers is ${workers}, not a whole number from 0`);
  const core = options.core ?? loadCore({ blockSize });
  if (core.blockSize < blockSize) throw new RangeError(`the core takes ${core.blockSize} bytes, not ${blockSize}`);
  const codec = codecOf(core, compression);
  const slotCount = workers * BLOCKS_PER_WORKER + SPARE_SLOTS;
  if (workers === 0) return new InlineEncoder(codec, blockSize, slotCount);
  const threads = options.threads ?? new EncoderThreads(0);
  const startWorker = (board: BoardSetup) => {
    const worker = threads.take();
    worker.postMessage({ compression, blockSize, module: compileCore(), board } satisfies WorkerSetup);
    return worker;
  };
  const isReady = () => threads.isReady;
  return new PoolEncoder({ blockSize, slotCount, workers, codec, startWorker, isReady });
}
