import type { RandomAccess } from "../../bytes/random-access.ts";
import { READ_AHEAD } from "./limits.ts";

/** Small reads in order, served from larger ones: one window of the image at a time. */
export class ReadAhead {
  readonly #source: RandomAccess;
  readonly #end: number;
  #offset = 0;
  #window: Uint8Array = new Uint8Array(0);

  /** @param end bytes of the source that count */
  constructor(source: RandomAccess, end: number) {
    this.#source = source;
    this.#end = end;
  }

  /** `size` bytes at `offset`, which the caller knows to be inside; borrowed until the next read. */
  async read(offset: number, size: number): Promise<Uint8Array> {
    let relativeOffset = offset - this.#offset;
    if (relativeOffset < 0 || relativeOffset + size > this.#window.length) {
      const wanted = Math.min(Math.max(size, READ_AHEAD), this.#end - offset);
      const window = await this.#source.read(offset, wanted);
      this.#window = window;
      this.#offset = offset;
      relativeOffset = 0;
      return window.subarray(0, size);
    }
    return this.#window.subarray(relativeOffset, relativeOffset + size);
  }
}
