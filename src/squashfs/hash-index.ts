import { freeMemory } from "../bytes/free-memory.ts";
import type { Hash128 } from "../bytes/hash128.ts";
import { U32Column } from "../fstree/columns.ts";

const FIRST_CAPACITY = 1024;
/** Share of slots in use at which the table doubles: fuller saves memory, emptier saves probes. */
const MAX_LOAD = 0.7;

/**
 * Finds numbers by 128-bit hash: open addressing over one array of numbers; the hashes are in columns.
 * 16 bytes per number and 6–12 for the table; an object per file in a Map would take ten times that.
 */
export class HashIndex {
  readonly #hashes = [new U32Column(), new U32Column(), new U32Column(), new U32Column()] as const;
  /** Number + 1; 0 is free. */
  #slots = new Uint32Array(FIRST_CAPACITY);
  #count = 0;

  /** The first number with this hash for which `matches` holds, or undefined. */
  find(hash: Hash128, matches: (number: number) => boolean): number | undefined {
    const mask = this.#slots.length - 1;
    for (let slot = hash[0] & mask; ; slot = (slot + 1) & mask) {
      const number = (this.#slots[slot] as number) - 1;
      if (number < 0) return undefined;
      if (this.#equals(number, hash) && matches(number)) return number;
    }
  }

  /** Each number at most once. */
  insert(hash: Hash128, number: number): void {
    if (this.#count + 1 > this.#slots.length * MAX_LOAD) this.#grow();
    for (let word = 0; word < 4; word++) (this.#hashes[word] as U32Column).set(number, hash[word] as number);
    this.#place(number);
    this.#count++;
  }

  /** Forgets all numbers, and gives the memory back now. */
  clear(): void {
    for (const column of this.#hashes) column.free();
    freeMemory(this.#slots.buffer);
    this.#slots = new Uint32Array(FIRST_CAPACITY);
    this.#count = 0;
  }

  #equals(number: number, hash: Hash128): boolean {
    const [a, b, c, d] = this.#hashes;
    return (
      a.get(number) === hash[0] && b.get(number) === hash[1] && c.get(number) === hash[2] && d.get(number) === hash[3]
    );
  }

  #place(number: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[0].get(number) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = number + 1;
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (const entry of old) if (entry !== 0) this.#place(entry - 1);
    freeMemory(old.buffer);
  }
}
