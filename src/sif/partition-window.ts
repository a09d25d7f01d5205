import { InternalError } from "../errors.ts";
import type { Sink } from "../sink/sink.ts";

/** The part of a sink behind its position now, as a sink of its own: offsets count from there. Ending it ends nothing but itself. */
export class PartitionWindow implements Sink {
  readonly #sink: Sink;
  readonly #start: number;
  #open = true;

  constructor(sink: Sink) {
    this.#sink = sink;
    this.#start = sink.position;
  }

  get position(): number {
    return this.#sink.position - this.#start;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#check();
    await this.#sink.write(bytes);
  }

  async patch(offset: number, bytes: Uint8Array): Promise<void> {
    this.#check();
    await this.#sink.patch(this.#start + offset, bytes);
  }

  async rewind(offset: number): Promise<void> {
    this.#check();
    if (offset < 0) throw new InternalError("rewind to before a partition", { offset });
    await this.#sink.rewind(this.#start + offset);
  }

  async finish(): Promise<void> {
    this.#open = false;
  }

  async abort(): Promise<void> {
    this.#open = false;
  }

  #check(): void {
    if (!this.#open) throw new InternalError("write to a partition that has ended");
  }
}
