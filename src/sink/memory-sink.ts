import type { Sink } from "./sink.ts";

/** Collects the output in memory: for tests and for small images. */
export class MemorySink implements Sink {
  #bytes: Uint8Array = new Uint8Array(64 * 1024);
  #position = 0;

  get position(): number {
    return this.#position;
  }

  /** What was written so far; a view that the next write may leave behind. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#position);
  }

  async write(bytes: Uint8Array): Promise<void> {
    const end = this.#position + bytes.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#position);
    this.#position = end;
  }

  async patch(offset: number, bytes: Uint8Array): Promise<void> {
    if (offset < 0 || offset + bytes.length > this.#position)
      throw new RangeError(`patch of ${bytes.length} bytes at ${offset} passes the end at ${this.#position}`);
    this.#bytes.set(bytes, offset);
  }

  async rewind(offset: number): Promise<void> {
    if (offset < 0 || offset > this.#position)
      throw new RangeError(`rewind to ${offset} passes the end at ${this.#position}`);
    this.#position = offset;
  }

  async finish(): Promise<void> {}

  async abort(_reason: unknown): Promise<void> {
    this.#position = 0;
  }
}
