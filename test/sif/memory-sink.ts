import type { Sink } from "../../src/sink/sink.ts";

/** A sink that keeps everything, for looking at. */
export class MemorySink implements Sink {
  #bytes = Buffer.alloc(0);

  get position(): number {
    return this.#bytes.length;
  }

  bytes(): Uint8Array {
    return this.#bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  async patch(offset: number, bytes: Uint8Array): Promise<void> {
    if (offset + bytes.length > this.#bytes.length) throw new RangeError("patch beyond what was written");
    this.#bytes.set(bytes, offset);
  }

  async rewind(offset: number): Promise<void> {
    this.#bytes = this.#bytes.subarray(0, offset);
  }

  async finish(): Promise<void> {}

  async abort(): Promise<void> {}
}
