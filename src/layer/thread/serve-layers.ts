import type { MessagePort } from "node:worker_threads";
import { copyBytes } from "../../bytes/copy-bytes.ts";
import type { ProgressEvent } from "../../progress.ts";
import { type CheckedTarOptions, checkedTar, type LayerIdentity } from "../checked-tar.ts";
import { freedChunks, withStream } from "../stored-bytes.ts";
import { type DetachedSource, DetachedStreams } from "./detached-streams.ts";
import { toFailure } from "./failure.ts";
import { type LayerAnswer, type LayerRequest, type LayerThreadSetup, type Opening, SLOT_SIZE } from "./messages.ts";
import { tellStarvation } from "./starvation.ts";
import { StoredQueue } from "./stored-queue.ts";

/**
 * Turns layers into their tars, in the thread that the port's other end is in: layers whose bytes come through the port,
 * and those that the source's code opens here.
 */
export function serveLayers(port: MessagePort, { memory }: LayerThreadSetup, source: DetachedSource): void {
  const post = (answer: LayerAnswer) => port.postMessage(answer);
  const slots = new TarSlots(memory, post);
  // While the source is slow, what there is goes on as it comes.
  const flush = () => slots.flush();
  const openQueue = () => new StoredQueue(post, flush);
  let stored = openQueue();
  const detached = new DetachedStreams(source, post);

  /** The tar of a layer that is opened here. A thread is ended by its owner: no signal comes. */
  function openedHere(opening: Opening, identity: LayerIdentity, options: CheckedTarOptions) {
    const { signal } = new AbortController();
    const layer = { ...identity, open: () => detached.take(opening) };
    return withStream(layer, signal, (stream) =>
      checkedTar(tellStarvation(freedChunks(stream, layer, signal), flush), layer, options),
    );
  }

  async function serve({ layer, limits, opening }: Extract<LayerRequest, { kind: "open" }>): Promise<void> {
    const onProgress = (event: ProgressEvent) => post({ kind: "progress", event });
    const options = { limits, onProgress };
    try {
      const tar =
        opening === undefined ? checkedTar(stored.chunks(), layer, options) : openedHere(opening, layer, options);
      for await (const chunk of tar) await slots.write(chunk);
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
      case "prepare":
        detached.prepare(request.opening);
        break;
      case "close":
        detached.close(request.number);
        break;
      case "answer":
      case "refuse":
        detached.answered(request);
        break;
    }
  });
}

/** The tar's bytes on their way out, in slots of shared memory that come back free. */
class TarSlots {
  readonly #post: (answer: LayerAnswer) => void;
  readonly #free: number[];
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  #wake = (): void => {};
  #slot: number | undefined;
  #fill = 0;

  constructor(memory: SharedArrayBuffer, post: (answer: LayerAnswer) => void) {
    this.#post = post;
    this.#bytes = new Uint8Array(memory);
    const count = memory.byteLength / SLOT_SIZE;
    this.#free = Array.from({ length: count }, (_, slot) => count - 1 - slot);
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length; ) {
      this.#slot ??= await this.#take();
      const count = Math.min(chunk.length - from, SLOT_SIZE - this.#fill);
      copyBytes(chunk.subarray(from, from + count), this.#bytes, this.#slot * SLOT_SIZE + this.#fill);
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
    this.#post({ kind: "tar", slot, size });
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
}
