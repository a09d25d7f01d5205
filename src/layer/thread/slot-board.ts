/** Words between the counters, so that each has a cache line of its own. */
const APART = 16;
/** Slots filled so far. */
const FILLED = 0;
/** Slots given back so far. */
const FREED: number = APART;
/** 1 while the reader would have to be woken to see a filled slot. */
const READER_WAITS: number = 2 * APART;
/** How many slots have to be given back before the thread is to be woken; 0 while it does not wait. */
const WAKE_AT: number = 3 * APART;
const HEADER: number = 4 * APART;

/** A slot that the thread has put something into. */
export interface FilledSlot {
  readonly slot: number;
  /** Bytes of it. */
  readonly size: number;
}

/**
 * A layer thread's slots on their way to the reader and back, as two rings in shared memory: a message, which costs
 * the one who sends it and the one who gets it 10 to 50 µs, is left for a side that waits. Each ring has room for all
 * slots: neither is ever full.
 */
export class SlotBoard {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #slotCount: number;
  /** Where the rings begin, in words: of filled slots with their sizes, two words each, and of those given back. */
  readonly #filled: number;
  readonly #freed: number;
  /** Slots that this side has taken off its ring. */
  #taken = 0;

  /** @param memory the other side's; none makes a new one, whose slots are all free */
  constructor(slotCount: number, memory?: SharedArrayBuffer) {
    this.#slotCount = slotCount;
    this.#filled = HEADER;
    this.#freed = HEADER + 2 * slotCount;
    this.memory = memory ?? new SharedArrayBuffer(4 * (this.#freed + slotCount));
    this.#words = new Int32Array(this.memory);
    if (memory !== undefined) return;
    for (let slot = 0; slot < slotCount; slot++) this.#words[this.#freed + slot] = slot;
    this.#words[FREED] = slotCount;
  }

  /**
   * The thread: passes a slot to the reader.
   * @param size bytes that it has put into the slot
   * @returns whether the reader is to be woken
   */
  fill(slot: number, size: number): boolean {
    const words = this.#words;
    const place = this.#filled + 2 * ((words[FILLED] as number) % this.#slotCount);
    words[place] = slot;
    words[place + 1] = size;
    Atomics.add(words, FILLED, 1);
    return Atomics.exchange(words, READER_WAITS, 0) === 1;
  }

  /** The thread: takes a free slot; undefined where there is none. */
  takeFree(): number | undefined {
    if (Atomics.load(this.#words, FREED) === this.#taken) return undefined;
    return this.#words[this.#freed + (this.#taken++ % this.#slotCount)];
  }

  /**
   * The thread: asks to be woken once half of the slots are free. A reader that waits has none of them, and what keeps
   * pieces of them does not wait for the thread: they come back.
   * @returns false where they are already
   */
  awaitFree(): boolean {
    const wakeAt = this.#taken + ((this.#slotCount + 1) >> 1);
    Atomics.store(this.#words, WAKE_AT, wakeAt);
    if (Atomics.load(this.#words, FREED) < wakeAt) return true;
    Atomics.store(this.#words, WAKE_AT, 0);
    return false;
  }

  /** The reader: takes the next filled slot; undefined where there is none. */
  takeFilled(): FilledSlot | undefined {
    const words = this.#words;
    if (Atomics.load(words, FILLED) === this.#taken) return undefined;
    const place = this.#filled + 2 * (this.#taken++ % this.#slotCount);
    return { slot: words[place] as number, size: words[place + 1] as number };
  }

  /** The reader: asks to be woken for the next filled slot. @returns false where there is one */
  awaitFilled(): boolean {
    Atomics.store(this.#words, READER_WAITS, 1);
    return Atomics.load(this.#words, FILLED) === this.#taken;
  }

  /** The reader: gives a slot back. @returns whether the thread is to be woken */
  free(slot: number): boolean {
    const words = this.#words;
    const count = words[FREED] as number;
    words[this.#freed + (count % this.#slotCount)] = slot;
    Atomics.store(words, FREED, count + 1);
    const wakeAt = Atomics.load(words, WAKE_AT);
    return wakeAt !== 0 && count + 1 >= wakeAt && Atomics.compareExchange(words, WAKE_AT, wakeAt, 0) === wakeAt;
  }
}
