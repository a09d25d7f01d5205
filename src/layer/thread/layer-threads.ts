import type { PromptIterator } from "../../bytes/prompt-iterator.ts";
import { InternalError } from "../../errors.ts";
import type { Layer } from "../../oci/image.ts";
import type { TarEntry } from "../../tar/entry.ts";
import type { OpenLayerOptions } from "../open-layer.ts";
import type { LayerPass } from "./layer-pass.ts";
import { LayerThread } from "./layer-thread.ts";
import { LentEntries } from "./lent-entries.ts";
import { SLOT_SIZE } from "./messages.ts";
import type { LayerThreadProgram } from "./program.ts";
import { SlotMemory } from "./slot-memory.ts";

export interface LayerThreadsOptions extends OpenLayerOptions {
  readonly program: LayerThreadProgram;
  /** Layers that are read at a time, at least 1: the one that is asked for, and the ones below it ahead. */
  readonly threadCount: number;
  /** Bytes of entries that a thread may hold ready, or lend. */
  readonly bufferSize: number;
}

/**
 * An image's layers, each received, checked, inflated and taken apart by a thread of its own; layers that cannot be
 * detached from this thread are received here. What comes out, errors included, is what `readLayerEntries` gives.
 */
export class LayerThreads {
  readonly #layers: readonly Layer[];
  readonly #options: LayerThreadsOptions;
  readonly #threads: LayerThread[] = [];
  readonly #memories: SlotMemory[] = [];
  /** Layers that are being read, and not yet asked for. */
  readonly #ahead = new Map<number, LayerPass>();
  /** No layer below this one was begun. */
  #frontier: number;
  readonly #abort: () => void;

  /** @param layers lowest first, as in the manifest; they are expected to be opened from the last one down */
  constructor(layers: readonly Layer[], options: LayerThreadsOptions) {
    this.#layers = layers;
    this.#options = options;
    this.#frontier = layers.length;
    const { signal } = options;
    this.#abort = () => {
      for (const thread of this.#threads) thread.fail(signal.reason);
    };
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  /** The entries of a layer, from the start; the blob is read and checked to its end before the last `next` resolves. */
  entries(index: number): PromptIterator<TarEntry> {
    return new LentEntries(() => this.#open(index));
  }

  #open(index: number): LayerPass {
    this.#options.signal.throwIfAborted();
    const pass = this.#ahead.get(index) ?? this.#begin(index);
    this.#ahead.delete(index);
    this.#frontier = Math.min(this.#frontier, index);
    while (this.#ahead.size < this.#options.threadCount - 1 && this.#frontier > 0) {
      this.#frontier--;
      this.#ahead.set(this.#frontier, this.#begin(this.#frontier));
    }
    this.#prepare();
    return pass;
  }

  /** Ends all threads; resolves once they are gone. */
  async close(): Promise<void> {
    this.#options.signal.removeEventListener("abort", this.#abort);
    for (const thread of this.#threads)
      thread.fail(new InternalError("a layer was read after its threads had been ended"));
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }

  /** Lets each thread that reads begin to receive what it will read next, if all goes in order. */
  #prepare(): void {
    const place = ({ layer }: LayerThread) => (layer === undefined ? -1 : this.#layers.indexOf(layer));
    const reading = this.#threads.filter((thread) => place(thread) >= 0).sort((a, b) => place(b) - place(a));
    for (const [i, thread] of reading.entries()) {
      const next = this.#layers[this.#frontier - 1 - i];
      if (next !== undefined) thread.prepare(next);
    }
  }

  #begin(index: number): LayerPass {
    const layer = this.#layers[index] as Layer;
    const free = this.#threads.filter(({ isFree }) => isFree);
    let thread = free.find((one) => one.hasPrepared(layer)) ?? free[0];
    if (thread === undefined) {
      thread = new LayerThread(this.#options.program, this.#idleMemory(), this.#options.signal);
      this.#threads.push(thread);
    }
    return thread.read(layer, this.#options);
  }

  /** A thread that has ended leaves its memory to the next. */
  #idleMemory(): SlotMemory {
    const idle = this.#memories.find(({ isIdle }) => isIdle);
    if (idle !== undefined) return idle;
    const memory = new SlotMemory(Math.max(2, Math.ceil(this.#options.bufferSize / SLOT_SIZE)));
    this.#memories.push(memory);
    return memory;
  }
}
