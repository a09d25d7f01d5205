import type { ByteString } from "../../bytes/byte-string.ts";

const FIRST_CAPACITY = 256;
/** 32-bit words per slot: two of hash, two of value. */
const SLOT = 4;

/**
 * Values by path, for paths that are in no tree: 64 bits of hash stand for the path, so an entry takes
 * 24–48 bytes whatever its length. Two paths of one image share a hash once in 10^7 images of a million files.
 */
export class PathTable {
  #words = new Uint32Array(FIRST_CAPACITY * SLOT);
  #count = 0;
  readonly #hash = new Uint32Array(2);

  get size(): number {
    return this.#count;
  }

  /** Finds the first `end` bytes of a path; gives a handle for the other methods, or −1. Handles live until the next `set`. */
  find(path: ByteString, end: number = path.length): number {
    if (this.#count === 0) return -1;
    hashPath(path, end, this.#hash);
    const at = this.#slotOf(this.#words, this.#hash[0] as number, this.#hash[1] as number);
    return this.#words[at] === 0 ? -1 : at;
  }

  first(handle: number): number {
    return this.#words[handle + 2] as number;
  }

  second(handle: number): number {
    return this.#words[handle + 3] as number;
  }

  set(path: ByteString, end: number, first: number, second: number): void {
    if ((this.#count + 1) * SLOT * 3 > this.#words.length * 2) this.#grow();
    hashPath(path, end, this.#hash);
    const words = this.#words;
    const at = this.#slotOf(words, this.#hash[0] as number, this.#hash[1] as number);
    if (words[at] === 0) this.#count++;
    words[at] = this.#hash[0] as number;
    words[at + 1] = this.#hash[1] as number;
    words[at + 2] = first;
    words[at + 3] = second;
  }

  #slotOf(words: Uint32Array, low: number, high: number): number {
    const mask = words.length - 1;
    let at = (high * SLOT) & mask;
    while (words[at] !== 0 && (words[at] !== low || words[at + 1] !== high)) at = (at + SLOT) & mask;
    return at;
  }

  #grow(): void {
    const old = this.#words;
    const words = new Uint32Array(old.length * 2);
    for (let from = 0; from < old.length; from += SLOT) {
      if (old[from] === 0) continue;
      const at = this.#slotOf(words, old[from] as number, old[from + 1] as number);
      words.set(old.subarray(from, from + SLOT), at);
    }
    this.#words = words;
  }
}

/** Two independent 32-bit hashes; the first is never 0, which marks a free slot. */
function hashPath(path: ByteString, end: number, out: Uint32Array): void {
  let a = 0x811c9dc5;
  let b = 0x9747b28c ^ end;
  for (let i = 0; i < end; i++) {
    const byte = path.charCodeAt(i);
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x5bd1e995);
    b ^= b >>> 15;
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b);
  b = Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  out[0] = a ^ (a >>> 13) || 1;
  out[1] = b ^ (b >>> 16);
}
