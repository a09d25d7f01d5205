import { Worker } from "node:worker_threads";
import { InternalError } from "../../errors.ts";
import type { Layer } from "../../oci/image.ts";
import { LayerError } from "../errors.ts";
import type { OpenLayerOptions } from "../open-layer.ts";
import { LayerPass } from "./layer-pass.ts";
import type { LayerAnswer, LayerThreadSetup } from "./messages.ts";

/** A thread that reads layers, one after the other. */
export class LayerThread {
  readonly #worker: Worker;
  readonly #slots: SharedArrayBuffer[] = [];
  #pass: LayerPass | undefined;
  #layer: Layer | undefined;
  #ending: Promise<void> | undefined;

  constructor(setup: LayerThreadSetup) {
    // Node 20 starts no .ts worker; src/ and dist/ lie at equal depth, so this address serves both.
    const file = new URL("../../../dist/layer/thread/worker.js", import.meta.url);
    this.#worker = new Worker(file, { workerData: setup, name: "sifon layer", execArgv: [] });
    this.#worker.on("message", (answer: LayerAnswer) => {
      if (answer.kind === "tar" && answer.memory !== undefined) this.#slots[answer.slot] = answer.memory;
      this.#pass?.receive(answer);
    });
    this.#worker.on("error", (cause) => this.#lost(cause.message, cause));
    this.#worker.on("exit", (exitCode) => this.#lost(`exit code ${exitCode}`));
  }

  /** Whether it takes another layer: none is being read, and it has not been ended. */
  get isFree(): boolean {
    return this.#pass === undefined && !this.hasEnded;
  }

  get hasEnded(): boolean {
    return this.#ending !== undefined;
  }

  /** Begins to read a layer; a pass that does not end well ends the thread, too. */
  read(layer: Layer, { signal, onProgress, limits }: OpenLayerOptions): LayerPass {
    if (!this.isFree) throw new InternalError("a layer's thread was asked for two layers at once");
    const { descriptor, diffId } = layer;
    this.#layer = layer;
    this.#worker.postMessage({ kind: "open", layer: { descriptor, diffId }, limits });
    const link = {
      post: (request: object, transfer: readonly ArrayBuffer[]) => {
        if (!this.hasEnded) this.#worker.postMessage(request, transfer);
      },
      slot: (number: number) => this.#slots[number] as SharedArrayBuffer,
      ended: (well: boolean) => {
        this.#pass = undefined;
        if (!well) void this.end();
      },
    };
    const pass = new LayerPass(layer, link, { signal, onProgress });
    this.#pass = pass;
    return pass;
  }

  /** Ends the pass that is under way with an error, and the thread at once. */
  fail(error: unknown): void {
    this.#pass?.fail(error);
    void this.end();
  }

  /** Ends the thread; resolves once it is gone. Safe to call twice. */
  end(): Promise<void> {
    this.#ending ??= this.#worker.terminate().then(() => {});
    return this.#ending;
  }

  #lost(reason: string, cause?: Error): void {
    if (this.hasEnded) return;
    const digest = this.#layer?.descriptor.digest;
    this.fail(new LayerError("LAYER_THREAD_FAILED", { digest, reason, ...(cause === undefined ? {} : { cause }) }));
  }
}
