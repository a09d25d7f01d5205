import type { MessagePort } from "node:worker_threads";
import { copyBytes } from "../../bytes/copy-bytes.ts";
import { freeMemory } from "../../bytes/free-memory.ts";
import { checkedTar } from "../checked-tar.ts";
import { SourceFailure, toFailure } from "./failure.ts";
import { type LayerAnswer, type LayerRequest, SLOT_SIZE } from "./messages.ts";

/** Turns layers that come through a port into their tars, in the thread that the port's other end is in. */
export function serveLayers(port: MessagePort, slotCount: number): void {
  const post = (answer: LayerAnswer) => port.postMessage(answer);
  const slots = new TarSlots(slotCount, post);
  // While the source is slow, what there is goes on as it comes.
  const openQueue = () => new StoredQueue(post, () => slots.flush());
  let stored = openQueue();

  async function serve({ layer, limits }: Extract<LayerRequest, { kind: "open" }>): Promise<void> {
    const onProgress = (event: Extract<LayerAnswer, { kind: "progress" }>["event"]) =>
      post({ kind: "progress", event });
    try {
      for await (const chunk of checkedTar(stored.chunks(), layer, { limits, onProgress })) await slots.write(chunk);
      slots.flush();
      post({ kind: "end" });
    } catch (error) {
      // What came before the damage is for the reader to see, as without the thread.
      slots.flush();
      post({ kind: "failed", failure: toFailure(error) });
    }
  }

  port.on("message", (request: LayerRequest) => {
    switch (request.kind) {
      case "open":
        stored = openQueue();
        void serve(request);
        break;
      case "stored":
        stored.push(request.chunks);
        break;
      case "stored-end":
        stored.end(request.hasFailed);
        break;
      case "free":
        slots.free(request.slot);
        break;
    }
  });
}

/** A layer's stored bytes as they come in; the sender bounds how many wait here. */
class StoredQueue {
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

/** The tar's bytes on their way out, in slots of shared memory that come back free. */
class TarSlots {
  readonly #post: (answer: LayerAnswer) => void;
  readonly #free: number[];
  readonly #memory: (Uint8Array<SharedArrayBuffer> | undefined)[] = [];
  #wake = (): void => {};
  #slot: number | undefined;
  #fill = 0;
  /** Slots whose memory the reader has. */
  readonly #known = new Set<number>();

  constructor(count: number, post: (answer: LayerAnswer) => void) {
    this.#post = post;
    this.#free = Array.from({ length: count }, (_, slot) => count - 1 - slot);
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length; ) {
      this.#slot ??= await this.#take();
      const count = Math.min(chunk.length - from, SLOT_SIZE - this.#fill);
      copyBytes(chunk.subarray(from, from + count), this.#bytes(this.#slot), this.#fill);
      this.#fill += count;
      from += count;
      if (this.#fill === SLOT_SIZE) this.flush();
    }
  }

  /** Sends what is there. */
  flush(): void {
    const slot = this.#slot;
    if (slot === undefined) return;
    const size = this.#fill;
    this.#slot = undefined;
    this.#fill = 0;
    if (this.#known.has(slot)) {
      this.#post({ kind: "tar", slot, size });
      return;
    }
    this.#known.add(slot);
    this.#post({ kind: "tar", slot, size, memory: this.#bytes(slot).buffer });
  }

  free(slot: number): void {
    this.#free.push(slot);
    this.#wake();
  }

  async #take(): Promise<number> {
    for (;;) {
      const slot = this.#free.pop();
      if (slot !== undefined) return slot;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #bytes(slot: number): Uint8Array<SharedArrayBuffer> {
    const memory = this.#memory[slot] ?? new Uint8Array(new SharedArrayBuffer(SLOT_SIZE));
    this.#memory[slot] = memory;
    return memory;
  }
}
