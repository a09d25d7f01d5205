import type { Sink } from "./sink.ts";

/**
 * A part of another sink, from its position on: the partition inside a SIF. While it is in use the outer
 * sink is left alone. `finish` and `abort` leave the outer sink open, and pad nothing.
 */
export class WindowSink implements Sink {
  readonly #outer: Sink;
  readonly #start: number;

  constructor(outer: Sink) {
    this.#outer = outer;
    this.#start = outer.position;
  }

  get position(): number {
    return this.#outer.position - this.#start;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#outer.write(bytes);
  }

  async patch(offset: number, bytes: Uint8Array): Promise<void> {
    await this.#outer.patch(this.#inside(offset), bytes);
  }

  async rewind(offset: number): Promise<void> {
    await this.#outer.rewind(this.#inside(offset));
  }

  async finish(): Promise<void> {}

  async abort(_reason: unknown): Promise<void> {}

  #inside(offset: number): number {
    if (offset < 0) throw new RangeError(`offset ${offset} lies in front of the window`);
    return this.#start + offset;
  }
}
