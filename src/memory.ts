import type { PromptIterator } from "./bytes/prompt-iterator.ts";
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
  entries: PromptIterator<T>,
  limit: number | undefined,
  residentSize: () => number = () => process.memoryUsage.rss(),
): PromptIterator<T> {
  return limit === undefined ? entries : new Watched(entries, limit, residentSize);
}

class Watched<T> implements PromptIterator<T> {
  readonly #entries: PromptIterator<T>;
  readonly #limit: number;
  readonly #residentSize: () => number;
  #count = 0;

  constructor(entries: PromptIterator<T>, limit: number, residentSize: () => number) {
    this.#entries = entries;
    this.#limit = limit;
    this.#residentSize = residentSize;
  }

  next(): IteratorResult<T, void> | Promise<IteratorResult<T, void>> {
    return ++this.#count % LOOK_EVERY === 0 ? this.#nextAfterLook() : this.#entries.next();
  }

  return(): Promise<unknown> {
    return this.#entries.return();
  }

  async #nextAfterLook(): Promise<IteratorResult<T, void>> {
    const next = await this.#entries.next();
    if (next.done === true) return next;
    const count = this.#count;
    const limit = this.#limit;
    const seen = this.#residentSize() + count * TABLES_PER_ENTRY + TABLES;
    if (seen <= limit) return next;
    await this.#entries.return();
    throw new MemoryError("MEMORY_EXCEEDED", { limit, seen, entries: count });
  }
}
