import { copyBytes } from "../bytes/copy-bytes.ts";

/**
 * Copies of tails that wait for the files in front of them, in one buffer used over and over: they come and go
 * in the same order, and would else be half of all garbage of a tree of small files.
 */
export class TailRing {
  readonly #size: number;
  #bytes: Uint8Array | undefined;
  /** Where the next copy begins, and the oldest one that is kept. */
  #head = 0;
  #tail = 0;
  #count = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** A copy, for as long as it is not given back; outside of the ring where there is no room. */
  copy(bytes: Uint8Array): Uint8Array {
    const start = this.#place(bytes.length);
    if (start < 0) return new Uint8Array(bytes);
    this.#bytes ??= new Uint8Array(this.#size);
    this.#head = start + bytes.length;
    this.#count++;
    const copy = this.#bytes.subarray(start, this.#head);
    copyBytes(bytes, copy, 0);
    return copy;
  }

  /** Takes the oldest copy back. One from outside of the ring is none of its business. */
  release(copy: Uint8Array): void {
    if (copy.buffer !== this.#bytes?.buffer) return;
    this.#tail = copy.byteOffset + copy.length;
    if (--this.#count > 0) return;
    this.#head = 0;
    this.#tail = 0;
  }

  /** A place for so many bytes in a row, or −1. */
  #place(size: number): number {
    const isWrapped = this.#count > 0 && this.#head <= this.#tail;
    if (isWrapped) return this.#head + size <= this.#tail ? this.#head : -1;
    if (this.#head + size <= this.#size) return this.#head;
    return size <= this.#tail ? 0 : -1;
  }
}
