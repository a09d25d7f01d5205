import type { RandomAccess } from "../../bytes/random-access.ts";
import { READ_AHEAD } from "./limits.ts";

/**
 * Windows kept: listings, inodes and what these refer to are read in turn, each in its own order. With fewer, each read
 * would push the next one's window out; more only take memory, `READ_AHEAD` each.
 */
const WINDOWS = 4;

interface Window {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Small reads in order, in several places in turn, served from larger ones: windows of the image. */
export class ReadAhead {
  readonly #source: RandomAccess;
  readonly #end: number;
  /** Used last first. */
  readonly #windows: Window[] = [];

  /** @param end bytes of the source that count */
  constructor(source: RandomAccess, end: number) {
    this.#source = source;
    this.#end = end;
  }

  /** `size` bytes at `offset`, which the caller knows to be inside; borrowed until the next read. */
  async read(offset: number, size: number): Promise<Uint8Array> {
    const windows = this.#windows;
    const found = windows.findIndex((window) => offset >= window.offset && offset + size <= endOf(window));
    let window = windows[found];
    if (window === undefined) {
      const wanted = Math.min(Math.max(size, READ_AHEAD), this.#end - offset);
      window = { offset, bytes: await this.#source.read(offset, wanted) };
      // One that ends in what is read goes on there.
      const before = windows.findIndex((one) => offset >= one.offset && offset <= endOf(one));
      if (before >= 0) windows.splice(before, 1);
      else if (windows.length === WINDOWS) windows.pop();
      windows.unshift(window);
    } else if (found > 0) {
      windows.splice(found, 1);
      windows.unshift(window);
    }
    const start = offset - window.offset;
    return window.bytes.subarray(start, start + size);
  }
}

function endOf({ offset, bytes }: Window): number {
  return offset + bytes.length;
}
