import { type ErrorDetails, type MessageTable, SifonError } from "./errors.ts";

const MIB = 2 ** 20;

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
