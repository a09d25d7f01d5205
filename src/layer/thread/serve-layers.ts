import type { MessagePort } from "node:worker_threads";
import type { ProgressEvent } from "../../progress.ts";
import { readTar } from "../../tar/read-tar.ts";
import { loadCore } from "../../wasm/core.ts";
import { shareCore } from "../../wasm/core-module.ts";
import { type CheckedTarOptions, checkedTar, type LayerIdentity } from "../checked-tar.ts";
import { freedChunks, withStream } from "../stored-bytes.ts";
import { type DetachedSource, DetachedStreams } from "./detached-streams.ts";
import { EntrySlots } from "./entry-slots.ts";
import { toFailure } from "./failure.ts";
import { type LayerAnswer, type LayerRequest, type LayerThreadSetup, type Opening, PIECE_SIZE } from "./messages.ts";
import { tellStarvation } from "./starvation.ts";
import { StoredQueue } from "./stored-queue.ts";

/** Least time between two messages of a blob's progress: each costs the main thread a turn; nobody sees more of them. */
const PROGRESS_STEP_MS = 50;

/**
 * Turns layers into their entries, in the thread that the port's other end is in: layers whose bytes come through the
 * port, and those that the source's code opens here.
 */
export function serveLayers(port: MessagePort, setup: LayerThreadSetup, source: DetachedSource): void {
  const post = (answer: LayerAnswer) => port.postMessage(answer);
  shareCore(setup.core);
  const core = loadCore({ blockSize: PIECE_SIZE });
  const slots = new EntrySlots(
    setup,
    () => post({ kind: "filled" }),
    (content) => core.contentHash(content),
  );
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
    let toldAt = Number.NEGATIVE_INFINITY;
    const onProgress = (event: ProgressEvent) => {
      const now = performance.now();
      if (event.kind === "blob-progress" && now - toldAt < PROGRESS_STEP_MS) return;
      toldAt = now;
      post({ kind: "progress", event });
    };
    const options = { limits, onProgress };
    try {
      const tar =
        opening === undefined ? checkedTar(stored.chunks(), layer, options) : openedHere(opening, layer, options);
      for await (const entry of readTar(tar, { name: layer.descriptor.digest })) {
        const work = slots.add(entry);
        if (work !== undefined) await work;
      }
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
        slots.freed();
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
