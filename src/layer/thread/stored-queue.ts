import { freeMemory } from "../../bytes/free-memory.ts";
import { SourceFailure } from "./failure.ts";
import type { LayerAnswer } from "./messages.ts";

/** A layer's stored bytes as they come in; the sender bounds how many wait here. */
export class StoredQueue {
  readonly #post: (answer: LayerAnswer) => void;
  readonly #batches: (readonly Uint8Array[])[] = [];
  #ended: "whole" | "failed" | undefined;
  readonly #onStarved: () => void;
  #wake = (): void => {};

  /** @param onStarved before it waits for more */
  constructor(post: (answer: LayerAnswer) => void, onStarved: () => void) {
    this.#post = post;
    this.#onStarved = onStarved;
  }

  push(chunks: readonly Uint8Array[]): void {
    this.#batches.push(chunks);
    this.#wake();
  }

  end(hasFailed: boolean): void {
    this.#ended = hasFailed ? "failed" : "whole";
    this.#wake();
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
        let size = 0;
        for (const chunk of batch) {
          size += chunk.length;
          yield chunk;
          freeMemory(chunk.buffer);
        }
        this.#post({ kind: "read", size });
      }
      if (this.#ended === "whole") return;
      if (this.#ended === "failed") throw new SourceFailure();
      this.#onStarved();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
