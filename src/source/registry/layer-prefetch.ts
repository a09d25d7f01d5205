import { addAbortSignal, type Readable } from "node:stream";

/**
 * How many layers' connections are opened ahead of the one that is read, and how much of each may wait.
 * More hides the latency of many small layers; each costs a connection and its buffer, so that
 * (AHEAD + 1) × BUFFER bounds the memory: 6 MiB.
 */
export const AHEAD_COUNT = 2;
export const BUFFER_SIZE: number = 2 * 1024 * 1024;

/**
 * Opens layers from the top down, as they are merged: while one is read, the next ones below are on their
 * way already. A layer that is opened again, or out of order, is simply opened.
 */
export class LayerPrefetch {
  readonly #open: (index: number) => Readable;
  /** Started but not yet asked for. */
  readonly #ahead = new Map<number, Readable>();
  /** Handed out and not yet ended; closed with the source. */
  readonly #live = new Set<Readable>();
  /** Layers below this index were never started. */
  #frontier = Number.POSITIVE_INFINITY;

  constructor(open: (index: number) => Readable) {
    this.#open = open;
  }

  take(index: number, signal: AbortSignal): Readable {
    const waiting = this.#ahead.get(index);
    this.#ahead.delete(index);
    // One that failed while nobody listened is tried anew, so that its error reaches the reader.
    const stream = waiting === undefined || waiting.destroyed ? this.#start(index) : waiting;
    addAbortSignal(signal, stream);
    this.#frontier = Math.min(this.#frontier, index);
    while (this.#ahead.size < AHEAD_COUNT && this.#frontier > 0) {
      this.#frontier--;
      const next = this.#start(this.#frontier);
      // The signal of the reader above: both belong to one conversion.
      addAbortSignal(signal, next);
      this.#ahead.set(this.#frontier, next);
      // Nothing reads it yet; this fills its buffer.
      next.read(0);
    }
    return stream;
  }

  close(): void {
    for (const stream of this.#live) stream.destroy();
    this.#ahead.clear();
  }

  #start(index: number): Readable {
    const stream = this.#open(index);
    this.#live.add(stream);
    // An error before a reader is there must not end the process; `take` sees that the stream is destroyed.
    stream.on("error", () => {});
    stream.once("close", () => this.#live.delete(stream));
    return stream;
  }
}
