import { MemoryError } from "../memory.ts";
import { grantedResources } from "../resources.ts";
import type { Compression } from "../wasm/compression.ts";

const MIB = 2 ** 20;

// Measured as peaks of RSS, with the command line's flags (src/cli/heap.ts), over blocks of 16 KiB to 1 MiB.
/** Node, the code, the stream's buffers and a tree of 50,000 files; and so many times the block size. */
const BASE = 95 * MIB;
const BASE_BLOCKS = 10;
/** A worker's share: its heap, its core, the blocks in its hands. */
const WORKER = 10 * MIB;
const WORKER_BLOCKS = 8;
/** What the near-optimal parse adds to a core, in block sizes. */
const BEST_BLOCKS = 38;

/**
 * What a thread costs that reads layers: its heap, zlib, the core that hashes small files, and the stored bytes in its
 * hands. Two take 34 to 36 MiB with buffers of 4 MiB each. Its buffer comes to that.
 */
const LAYER_THREAD = 14 * MIB;
/** Threads that read layers, where there are any: one layer is merged, the next is read ahead. */
const LAYER_THREADS = 2;
/** Bytes of entries that each may hold ready or lend, for each worker: as much as the worker has in hand, and once more. */
const LAYER_BUFFER_PER_WORKER = MIB;

// Processor time of a block of 128 KiB of lolcow, in µs, on a quiet machine (as "Stages" in bench/RESULTS.md; 2100 in all).
/** What this thread spends when it reads layers itself; and zlib's thread and all the rest beside it. */
const MAIN_MICROSEC = 400;
const REST_MICROSEC = 480;
/** What the whole leaves for compressing; for the other compressions in proportion to their speeds ("Core"). */
const COMPRESS_MICROSEC: Readonly<Record<string, number>> = {
  "gzip fast": 550,
  "gzip default": 1220,
  "gzip best": 6900,
  "lz4 fast": 290,
  "lz4 best": 880,
};

export interface ThreadNeeds {
  /** Threads that were asked for; undefined for as many as there are CPUs. */
  readonly workers: number | undefined;
  /** Threads that were asked for to read layers; undefined for what is best. */
  readonly layerThreads?: number | undefined;
  /** Bytes of RSS that the process may have; undefined for what the control group allows. */
  readonly memory: number | undefined;
  readonly blockSize: number;
  readonly compression: Compression;
}

/** How an image's layers are read by threads; see `LayerThreads`. */
export interface LayerThreadPlan {
  readonly threadCount: number;
  readonly bufferSize: number;
}

/** The threads of a conversion. */
export interface ThreadPlan {
  /** Threads that encode; 0 lets the calling thread do it. */
  readonly workers: number;
  /** Undefined lets the calling thread read the layers. */
  readonly layerThreads: LayerThreadPlan | undefined;
}

/**
 * The threads to encode with: as many as were asked for, or one for each granted CPU (none where there is but one),
 * not more than the memory holds. Then, where the workers are so many that one thread could not feed them, threads
 * that read the layers.
 * @throws MemoryError MEMORY_TOO_SMALL where not even the calling thread could do it
 */
export function planThreads(
  { workers: askedFor, layerThreads, memory, blockSize, compression }: ThreadNeeds,
  granted: { readonly cpus: number; readonly memory: number | undefined } = grantedResources(),
): ThreadPlan {
  // On one CPU a thread of its own costs 4 % more processor time and 11 MiB; with two, two are faster than one.
  const wanted = askedFor ?? (granted.cpus === 1 ? 0 : granted.cpus);
  const wantedReaders =
    layerThreads ?? (Math.min(wanted, granted.cpus) >= feedingLimit(compression) ? LAYER_THREADS : 0);
  const limit = memory ?? granted.memory;
  if (limit === undefined) return { workers: wanted, layerThreads: planReaders(wantedReaders, wanted) };
  const best = compression.kind === "gzip" && compression.level === "best" ? BEST_BLOCKS : 0;
  const least = BASE + (BASE_BLOCKS + best) * blockSize;
  // A control group's limit counts otherwise (caches that it can drop), so what is tight there is tried.
  if (limit < least && memory !== undefined) throw new MemoryError("MEMORY_TOO_SMALL", { limit, least, blockSize });
  const each = WORKER + (WORKER_BLOCKS + best) * blockSize;
  const fitting = (room: number, size: number) => Math.max(0, Math.min(wanted, Math.floor(room / size)));
  if (wantedReaders > 0) {
    const room = limit - least - wantedReaders * (LAYER_THREAD + LAYER_BUFFER_PER_WORKER);
    const workers = fitting(room, each + wantedReaders * LAYER_BUFFER_PER_WORKER);
    // Fewer workers are fed by one thread, and the memory is better spent on one more of them.
    const isWorthIt = layerThreads !== undefined ? room >= 0 : workers >= feedingLimit(compression);
    if (isWorthIt) return { workers, layerThreads: planReaders(wantedReaders, workers) };
  }
  return { workers: fitting(limit - least, each), layerThreads: undefined };
}

function planReaders(threadCount: number, workers: number): LayerThreadPlan | undefined {
  return threadCount === 0 ? undefined : { threadCount, bufferSize: (1 + workers) * LAYER_BUFFER_PER_WORKER };
}

/** CPUs from which on the thread that reads layers and feeds the workers would be what all wait for. */
function feedingLimit(compression: Compression): number {
  const compress =
    compression.kind === "none" ? 0 : (COMPRESS_MICROSEC[`${compression.kind} ${compression.level}`] ?? 0);
  return Math.ceil((MAIN_MICROSEC + REST_MICROSEC + compress) / MAIN_MICROSEC);
}
