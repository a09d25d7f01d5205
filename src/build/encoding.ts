import { DEFAULT_BLOCK_SIZE, METADATA_BLOCK_SIZE } from "../squashfs/format.ts";
import type { BlockEncoder } from "../wasm/block-encoder.ts";
import type { Compression } from "../wasm/compression.ts";
import { type Core, loadCore } from "../wasm/core.ts";
import { createBlockEncoder } from "../wasm/create-block-encoder.ts";
import type { EncoderThreads } from "../wasm/encoder-threads.ts";
import { type LayerThreadPlan, planThreads } from "./thread-plan.ts";
import type { ConvertTuning } from "./tuning.ts";

/** How a file system is compressed, all defaults filled in. */
export interface Encoding {
  readonly compression: Compression;
  readonly blockSize: number;
  /** Threads; 0 compresses in the calling thread. */
  readonly workers: number;
  /** How layers are read; undefined where the calling thread does it. */
  readonly layerThreads?: LayerThreadPlan | undefined;
}

/** What a `SquashfsWriter` compresses with, and what stops it. */
export interface OpenEncoder {
  /** Follows the caller's for as long as the encoder is open. */
  readonly signal: AbortSignal;
  readonly encoder: BlockEncoder;
  readonly core: Core;
  readonly compression: Compression;
}

/**
 * Fills in what was not chosen.
 * @throws MemoryError MEMORY_TOO_SMALL
 */
export function planEncoding(
  chosen: Pick<ConvertTuning, "compression" | "blockSize" | "workers" | "layerThreads" | "memory">,
): Encoding {
  const { compression = { kind: "gzip", level: "default" }, blockSize = DEFAULT_BLOCK_SIZE } = chosen;
  const { workers, layerThreads, memory } = chosen;
  return { compression, blockSize, ...planThreads({ workers, layerThreads, memory, blockSize, compression }) };
}

/**
 * Lends an encoder to `work`; its threads end with it.
 * @param threads that were started before
 */
export async function withEncoder<T>(
  encoding: Encoding,
  signal: AbortSignal,
  work: (open: OpenEncoder) => Promise<T>,
  threads?: EncoderThreads,
): Promise<T> {
  const { compression, blockSize, workers } = encoding;
  // Tables are cut into 8 KiB, however small the blocks of data are.
  const core = loadCore({ blockSize: Math.max(blockSize, METADATA_BLOCK_SIZE) });
  const encoder = createBlockEncoder({ compression, blockSize, workers, core, threads });
  // What the writer hangs on a signal for good goes with this one: the caller's may be there for many conversions.
  const own = new AbortController();
  const abort = () => own.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await work({ encoder, core, compression, signal: own.signal });
  } finally {
    signal.removeEventListener("abort", abort);
    await encoder.close();
  }
}
