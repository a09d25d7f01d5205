import { type ErrorDetails, type MessageTable, SifonError } from "./errors.ts";
import { grantedResources } from "./resources.ts";
import type { Compression } from "./wasm/compression.ts";

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

/** What the tables at the end take for each file, in bytes, and what is kept for the rest of the work there. */
const TABLES_PER_ENTRY = 16;
const TABLES = 2 * MIB;
/** Entries between two looks at the memory: at 150 bytes for each, it cannot grow much meanwhile. */
const LOOK_EVERY = 1024;

/** What a memory limit is refused for: before the start, or when the files turn out to be too many. */
export type MemoryErrorCode = "MEMORY_TOO_SMALL" | "MEMORY_EXCEEDED";

const mebibytes = (bytes: unknown): string => `${Math.ceil(Number(bytes) / MIB)} MiB`;

const MESSAGES: MessageTable<MemoryErrorCode> = {
  MEMORY_TOO_SMALL: (d) =>
    `A memory limit of ${mebibytes(d.limit)} is too small: the least is ${mebibytes(d.least)} with blocks of ${Number(d.blockSize) / 1024} KiB.`,
  MEMORY_EXCEEDED: (d) =>
    `The image has more files than the memory limit of ${mebibytes(d.limit)} holds: ${mebibytes(d.seen)} are in use after ${d.entries} entries. Allow more; it takes about 150 MiB for a million files beyond the least.`,
};

/** A memory limit that cannot be kept. */
export class MemoryError extends SifonError {
  constructor(code: MemoryErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}

export interface WorkerNeeds {
  /** Threads that were asked for; undefined for as many as there are CPUs. */
  readonly workers: number | undefined;
  /** Bytes of RSS that the process may have; undefined for what the control group allows. */
  readonly memory: number | undefined;
  readonly blockSize: number;
  readonly compression: Compression;
}

/**
 * The number of threads to encode with: what was asked for, or one for each granted CPU (none where
 * there is but one), not more than the memory holds.
 * @throws MemoryError MEMORY_TOO_SMALL where not even the calling thread could do it
 */
export function planWorkers(
  { workers, memory, blockSize, compression }: WorkerNeeds,
  granted: { readonly cpus: number; readonly memory: number | undefined } = grantedResources(),
): number {
  // On one CPU a thread of its own costs 4 % more processor time and 11 MiB; with two, two are faster than one.
  const wanted = workers ?? (granted.cpus === 1 ? 0 : granted.cpus);
  const limit = memory ?? granted.memory;
  if (limit === undefined) return wanted;
  const best = compression.kind === "gzip" && compression.level === "best" ? BEST_BLOCKS : 0;
  const least = BASE + (BASE_BLOCKS + best) * blockSize;
  // A control group's limit counts otherwise (caches that it can drop), so what is tight there is tried.
  if (limit < least && memory !== undefined) throw new MemoryError("MEMORY_TOO_SMALL", { limit, least, blockSize });
  const each = WORKER + (WORKER_BLOCKS + best) * blockSize;
  return Math.max(0, Math.min(wanted, Math.floor((limit - least) / each)));
}

/**
 * Passes entries on for as long as the process stays within `limit`; all else that a conversion needs is
 * bounded before it begins, only the tree grows with the image.
 * @throws MemoryError MEMORY_EXCEEDED
 */
export function withinMemory<T>(
  entries: AsyncIterable<T>,
  limit: number | undefined,
  residentSize: () => number = () => process.memoryUsage.rss(),
): AsyncIterable<T> {
  return limit === undefined ? entries : watched(entries, limit, residentSize);
}

async function* watched<T>(
  entries: AsyncIterable<T>,
  limit: number,
  residentSize: () => number,
): AsyncGenerator<T, void, undefined> {
  let count = 0;
  for await (const entry of entries) {
    if (++count % LOOK_EVERY === 0) {
      const seen = residentSize() + count * TABLES_PER_ENTRY + TABLES;
      if (seen > limit) throw new MemoryError("MEMORY_EXCEEDED", { limit, seen, entries: count });
    }
    yield entry;
  }
}
