import type { BlockResult } from "./block-codec.ts";

/** Words between the counters, so that each has a cache line of its own. */
const APART = 16;
/** Jobs handed in so far; threads that find none wait here. */
const JOBS = 0;
/** Of those, the ones that threads have taken. */
const TAKEN: number = APART;
/** Answers given so far. */
const ANSWERS: number = 2 * APART;
/** 1 while the one who hands in jobs would have to be woken to see an answer. */
const ASLEEP: number = 3 * APART;
const HEADER: number = 4 * APART;

/** What is known of a job, by its slot: where its block lies, then what became of it. */
const MEMORY = 0;
const OFFSET = 1;
const SIZE = 2;
const COMPRESSED_SIZE = 3;
const HASH = 4;
const RECORD = 8;

/** The compressed size of a block that was not encoded, as its memory is not known to the thread. */
export const REFUSED: number = -1;

/** A block to encode. */
export interface BoardJob {
  /** Where the result goes. */
  readonly slot: number;
  /** Number of the memory that the block lies in; 0 is the slot itself. */
  readonly memory: number;
  readonly offset: number;
  readonly size: number;
}

/**
 * Jobs and answers between one thread and many, in shared memory: what a message costs (10 µs with the turn of the
 * event loop that brings it) is paid once for all the answers that have gathered. Each job has a slot, one job at a
 * time, and both rings have room for all slots: neither is ever full.
 */
export class JobBoard {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #jobs: number;
  readonly #answers: number;
  readonly #records: number;
  /** Answers seen; only the one who hands in jobs counts them. */
  #seen = 0;

  /** @param memory the other side's; none makes a new one */
  constructor(slotCount: number, memory?: SharedArrayBuffer) {
    const capacity = 2 ** Math.ceil(Math.log2(slotCount));
    this.#mask = capacity - 1;
    this.#jobs = HEADER;
    this.#answers = this.#jobs + capacity;
    this.#records = this.#answers + capacity;
    this.memory = memory ?? new SharedArrayBuffer(4 * (this.#records + slotCount * RECORD));
    this.#words = new Int32Array(this.memory);
    if (memory === undefined) this.#words[ASLEEP] = 1;
  }

  /** Hands a job in, and wakes a thread that waits for one. */
  handIn({ slot, memory, offset, size }: BoardJob): void {
    const words = this.#words;
    const record = this.#records + slot * RECORD;
    words[record + MEMORY] = memory;
    words[record + OFFSET] = offset;
    words[record + SIZE] = size;
    words[this.#jobs + ((words[JOBS] as number) & this.#mask)] = slot;
    Atomics.add(words, JOBS, 1);
    Atomics.notify(words, JOBS, 1);
  }

  /** Takes the oldest job; blocks the thread until there is one. */
  take(): BoardJob {
    const words = this.#words;
    for (;;) {
      const taken = Atomics.load(words, TAKEN);
      const jobs = Atomics.load(words, JOBS);
      if (taken === jobs) {
        Atomics.wait(words, JOBS, jobs);
        continue;
      }
      // Read before it is taken for good: afterwards its place in the ring may be used again.
      const slot = words[this.#jobs + (taken & this.#mask)] as number;
      if (Atomics.compareExchange(words, TAKEN, taken, (taken + 1) | 0) !== taken) continue;
      const record = this.#records + slot * RECORD;
      return {
        slot,
        memory: words[record + MEMORY] as number,
        offset: words[record + OFFSET] as number,
        size: words[record + SIZE] as number,
      };
    }
  }

  /**
   * Answers a job. True where the other side has to be woken: it sleeps, and no more than `enough` jobs wait. Until
   * then answers gather, as there is work; the last of all answers finds no job waiting, so that none is overlooked.
   */
  answer(slot: number, { compressedSize, hash }: BlockResult, enough: number): boolean {
    const words = this.#words;
    const record = this.#records + slot * RECORD;
    words[record + COMPRESSED_SIZE] = compressedSize;
    for (let word = 0; word < 4; word++) words[record + HASH + word] = hash[word] as number;
    const place = Atomics.add(words, ANSWERS, 1) & this.#mask;
    Atomics.store(words, this.#answers + place, slot + 1);
    const waiting = (Atomics.load(words, JOBS) - Atomics.load(words, TAKEN)) | 0;
    return waiting <= enough && Atomics.exchange(words, ASLEEP, 0) === 1;
  }

  /** The slot of the next answer; undefined where there is none now. */
  nextAnswer(): number | undefined {
    const words = this.#words;
    const place = this.#answers + (this.#seen & this.#mask);
    const slot = Atomics.load(words, place) - 1;
    if (slot < 0) return undefined;
    words[place] = 0;
    this.#seen = (this.#seen + 1) | 0;
    return slot;
  }

  /** What the answer says, until the slot gets another job. */
  answerOf(slot: number): BlockResult {
    const words = this.#words;
    const record = this.#records + slot * RECORD;
    const word = (index: number): number => (words[record + HASH + index] as number) >>> 0;
    return { compressedSize: words[record + COMPRESSED_SIZE] as number, hash: [word(0), word(1), word(2), word(3)] };
  }

  /** From now on an answer wakes. What came before must be looked for once more. */
  sleep(): void {
    Atomics.store(this.#words, ASLEEP, 1);
  }
}
