import { freeMemory } from "../bytes/free-memory.ts";

const FIRST_CAPACITY = 1 << 10;

/**
 * Which node has a given hash: open addressing over node + 1 (0 is a free slot), at most ¾ full, so 5.4–10.7
 * bytes per node. Deleting shifts back what follows, so no tombstones slow later look-ups (Knuth 6.4, algorithm R).
 */
export class NameIndex {
  readonly #hashOf: (node: number) => number;
  #slots = new Uint32Array(FIRST_CAPACITY);
  #count = 0;

  /** @param hashOf the hash that a node was put in with */
  constructor(hashOf: (node: number) => number) {
    this.#hashOf = hashOf;
  }

  /** For look-ups: a hash's run begins at `hash & (slots.length − 1)`; an entry is node + 1, 0 ends the run. */
  get slots(): Uint32Array {
    return this.#slots;
  }

  insert(hash: number, node: number): void {
    if ((this.#count + 1) * 4 > this.#slots.length * 3) this.#grow();
    place(this.#slots, hash, node);
    this.#count++;
  }

  delete(hash: number, node: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = hash & mask;
    while (slots[hole] !== node + 1) {
      if (slots[hole] === 0) return;
      hole = (hole + 1) & mask;
    }
    for (let slot = (hole + 1) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hashOf((slots[slot] as number) - 1) & mask;
      // An entry may fill the hole unless its home lies between the hole and its slot.
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      slots[hole] = slots[slot] as number;
      hole = slot;
    }
    slots[hole] = 0;
    this.#count--;
  }

  #grow(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    for (const entry of this.#slots) if (entry !== 0) place(slots, this.#hashOf(entry - 1), entry - 1);
    freeMemory(this.#slots.buffer);
    this.#slots = slots;
  }
}

function place(slots: Uint32Array, hash: number, node: number): void {
  const mask = slots.length - 1;
  let slot = hash & mask;
  while (slots[slot] !== 0) slot = (slot + 1) & mask;
  slots[slot] = node + 1;
}
