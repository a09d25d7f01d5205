import type { BlockResult } from "./block-codec.ts";

/** Words between the counters, so that each has a cache line of its own. */
const APART = 16;
/** Changes with whatever is handed in; threads that find nothing to do wait here. */
const NEWS = 0;
/** Threads that wait, or are about to. */
const IDLE: number = APART;
/** Jobs handed in so far. */
const JOBS: number = 2 * APART;
/** Of those, the ones that threads have taken. */
const TAKEN: number = 3 * APART;
/** Writes handed in so far. */
const WRITES: number = 4 * APART;
/** Of those, the ones that threads have taken. */
const BEGUN: number = 5 * APART;
/** 1 while a thread writes. One at a time: writes stay in order, and a file's lock in the kernel is never waited for. */
const WRITING: number = 6 * APART;
/** Answers given so far. */
const ANSWERS: number = 7 * APART;
/** Not 0 while the one who hands in jobs would have to be woken to see an answer: 1 to that of a block, 2 to any. */
const ASLEEP: number = 8 * APART;
const HEADER: number = 9 * APART;

/** What is known of a job, by its slot: where its block lies, then what became of it. */
const MEMORY = 0;
const OFFSET = 1;
const SIZE = 2;
const COMPRESSED_SIZE = 3;
const HASH = 4;
/** Of a write: the file, the place in it (low word, high word), then how many bytes were written, and what ended that. */
const FILE = 8;
const POSITION = 9;
const DONE = 11;
const ERROR = 12;
const RECORD = 16;

/** Writes that a thread takes at once, to make one call to the system of them; the others encode meanwhile. */
const GATHERED = 16;

/** The compressed size of a block that was not encoded, as its memory is not known to the thread. */
export const REFUSED: number = -1;

/** A block to encode. */
export interface BoardJob {
  readonly kind: "block";
  /** Where the result goes. */
  readonly slot: number;
  /** Number of the memory that the block lies in; 0 is the slot itself. */
  readonly memory: number;
  readonly offset: number;
  readonly size: number;
}

/** The first bytes of a slot, for a place in a file. */
export interface BoardWrite {
  readonly slot: number;
  readonly size: number;
  /** Descriptor, which all threads of a process share. */
  readonly fd: number;
  readonly position: number;
}

/** Writes for the thread that has taken them, which no other does until they are answered. */
export interface BoardWrites {
  readonly kind: "writes";
  readonly writes: readonly BoardWrite[];
}

/** What became of a write. */
export interface WriteResult {
  readonly done: number;
  /** As Node has it, below 0; 0 where all is written. */
  readonly errno: number;
}

/**
 * Jobs and answers between one thread and many, in shared memory: what a message costs (10 µs with the turn of the
 * event loop that brings it) is paid once for all the answers that have gathered. A job is a block to encode, or an
 * encoded one to write. Each has a slot, one job at a time, and the rings have room for all slots: none is ever full.
 */
export class JobBoard {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #mask: number;
  /** Where the rings begin, and the records behind them, in words. */
  readonly #jobs: number;
  readonly #writes: number;
  readonly #answers: number;
  readonly #records: number;
  /** Answers seen; only the one who hands in jobs counts them. */
  #seen = 0;

  /** @param memory the other side's; none makes a new one */
  constructor(slotCount: number, memory?: SharedArrayBuffer) {
    const capacity = 2 ** Math.ceil(Math.log2(slotCount));
    this.#mask = capacity - 1;
    this.#jobs = HEADER;
    this.#writes = this.#jobs + capacity;
    this.#answers = this.#writes + capacity;
    this.#records = this.#answers + capacity;
    this.memory = memory ?? new SharedArrayBuffer(4 * (this.#records + slotCount * RECORD));
    this.#words = new Int32Array(this.memory);
    if (memory === undefined) this.#words[ASLEEP] = 2;
  }

  /**
   * Hands a block in. It wakes a thread where no other block waits: whoever was woken for that one, or comes back from
   * his work, wakes the next. So of many blocks at once this thread pays for one wake-up only.
   */
  handIn({ slot, memory, offset, size }: Omit<BoardJob, "kind">): void {
    const words = this.#words;
    const record = this.#recordOf(slot);
    words[record + MEMORY] = memory;
    words[record + OFFSET] = offset;
    words[record + SIZE] = size;
    const before = words[JOBS] as number;
    words[this.#jobs + (before & this.#mask)] = slot;
    Atomics.add(words, JOBS, 1);
    Atomics.add(words, NEWS, 1);
    if (Atomics.load(words, TAKEN) === before) this.wake();
  }

  /** Hands a write in. It wakes nobody: threads that work come by; see `hasWaitingWrites`. */
  handInWrite({ slot, size, fd, position }: BoardWrite): void {
    const words = this.#words;
    const record = this.#recordOf(slot);
    words[record + SIZE] = size;
    words[record + FILE] = fd;
    words[record + POSITION] = position;
    words[record + POSITION + 1] = Math.floor(position / 2 ** 32);
    words[this.#writes + ((words[WRITES] as number) & this.#mask)] = slot;
    Atomics.add(words, WRITES, 1);
    Atomics.add(words, NEWS, 1);
  }

  /** Whether there are writes that no thread has taken. */
  get hasWaitingWrites(): boolean {
    return Atomics.load(this.#words, WRITES) !== Atomics.load(this.#words, BEGUN);
  }

  /** Wakes a thread that waits, if one does. */
  wake(): void {
    if (Atomics.load(this.#words, IDLE) > 0) Atomics.notify(this.#words, NEWS, 1);
  }

  /** Takes what is to be done next: all writes that wait, else the oldest block; blocks the thread until there is one. */
  take(): BoardJob | BoardWrites {
    const words = this.#words;
    for (;;) {
      // What is handed in after this look is seen in the wait: it ends at once.
      const news = Atomics.load(words, NEWS);
      const work = this.#takeWrites() ?? this.#takeJob();
      if (work !== undefined) return work;
      Atomics.add(words, IDLE, 1);
      Atomics.wait(words, NEWS, news);
      Atomics.sub(words, IDLE, 1);
    }
  }

  /**
   * Answers a job. True where the other side has to be woken: it sleeps, and no more than `enough` jobs wait. Until
   * then answers gather, as there is work; the last of all answers finds no job waiting, so that none is overlooked.
   */
  answer(slot: number, { compressedSize, hash }: BlockResult, enough: number): boolean {
    const words = this.#words;
    const record = this.#recordOf(slot);
    words[record + COMPRESSED_SIZE] = compressedSize;
    for (let word = 0; word < 4; word++) words[record + HASH + word] = hash[word] as number;
    this.#answer(slot);
    const waiting = (Atomics.load(words, JOBS) - Atomics.load(words, TAKEN)) | 0;
    return waiting <= enough && Atomics.exchange(words, ASLEEP, 0) !== 0;
  }

  /** Answers the writes that were taken together, with a result for each. True where the other side waits for that. */
  answerWrites({ writes }: BoardWrites, results: readonly WriteResult[]): boolean {
    const words = this.#words;
    for (const [i, { slot }] of writes.entries()) {
      const { done, errno } = results[i] as WriteResult;
      const record = this.#recordOf(slot);
      words[record + DONE] = done;
      words[record + ERROR] = errno;
      this.#answer(slot);
    }
    // Now, so that answers are in order. Writes that came meanwhile are seen by this thread, which looks again.
    Atomics.store(words, WRITING, 0);
    return Atomics.compareExchange(words, ASLEEP, 2, 0) === 2;
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

  /** Whether there are answers that were not seen, or will be at once: a thread takes its place among them before it fills it. */
  get hasAnswers(): boolean {
    return Atomics.load(this.#words, ANSWERS) !== this.#seen;
  }

  /** What the answer says, until the slot gets another job. */
  answerOf(slot: number): BlockResult {
    const words = this.#words;
    const record = this.#recordOf(slot);
    const word = (index: number): number => (words[record + HASH + index] as number) >>> 0;
    return { compressedSize: words[record + COMPRESSED_SIZE] as number, hash: [word(0), word(1), word(2), word(3)] };
  }

  /** The same for a write. */
  writeAnswerOf(slot: number): WriteResult {
    const record = this.#recordOf(slot);
    return { done: this.#words[record + DONE] as number, errno: this.#words[record + ERROR] as number };
  }

  /** The write that a slot was last handed in with. */
  writeOf(slot: number): BoardWrite {
    const words = this.#words;
    const record = this.#recordOf(slot);
    const [low, high] = [words[record + POSITION] as number, words[record + POSITION + 1] as number];
    const position = high * 2 ** 32 + (low >>> 0);
    return { slot, size: words[record + SIZE] as number, fd: words[record + FILE] as number, position };
  }

  /**
   * From now on an answer wakes, or one to a block only. What came before has woken nobody: where there are answers
   * (`hasAnswers`, as the next may be one that is not there yet), nobody may sleep.
   * @param any to be false only while threads have a block in hand, whose answer comes
   */
  sleep({ any }: { readonly any: boolean }): void {
    Atomics.store(this.#words, ASLEEP, any ? 2 : 1);
  }

  /** From now on answers are looked for without being told of, until `sleep`. */
  stayAwake(): void {
    Atomics.store(this.#words, ASLEEP, 0);
  }

  #recordOf(slot: number): number {
    return this.#records + slot * RECORD;
  }

  #takeJob(): BoardJob | undefined {
    const words = this.#words;
    for (;;) {
      const taken = Atomics.load(words, TAKEN);
      if (taken === Atomics.load(words, JOBS)) return undefined;
      // Read before it is taken for good: afterwards its place in the ring may be used again.
      const slot = words[this.#jobs + (taken & this.#mask)] as number;
      const next = (taken + 1) | 0;
      if (Atomics.compareExchange(words, TAKEN, taken, next) !== taken) continue;
      if (Atomics.load(words, JOBS) !== next) this.wake();
      const record = this.#recordOf(slot);
      return {
        kind: "block",
        slot,
        memory: words[record + MEMORY] as number,
        offset: words[record + OFFSET] as number,
        size: words[record + SIZE] as number,
      };
    }
  }

  #takeWrites(): BoardWrites | undefined {
    const words = this.#words;
    if (!this.hasWaitingWrites) return undefined;
    // Whoever writes looks again when he is done.
    if (Atomics.compareExchange(words, WRITING, 0, 1) !== 0) return undefined;
    const begun = Atomics.load(words, BEGUN);
    const count = Math.min((Atomics.load(words, WRITES) - begun) | 0, GATHERED);
    const writes = Array.from({ length: count }, (_, i) =>
      this.writeOf(words[this.#writes + ((begun + i) & this.#mask)] as number),
    );
    Atomics.store(words, BEGUN, (begun + count) | 0);
    if (count === 0) {
      Atomics.store(words, WRITING, 0);
      return undefined;
    }
    // Whoever was woken for a block may be this thread: it is not to wait for the disk.
    if (Atomics.load(words, TAKEN) !== Atomics.load(words, JOBS)) this.wake();
    return { kind: "writes", writes };
  }

  #answer(slot: number): void {
    const place = Atomics.add(this.#words, ANSWERS, 1) & this.#mask;
    Atomics.store(this.#words, this.#answers + place, slot + 1);
  }
}
