import { Worker } from "node:worker_threads";
import { InternalError } from "../../errors.ts";
import type { Layer } from "../../oci/image.ts";
import { compileCore } from "../../wasm/core-module.ts";
import { LayerError } from "../errors.ts";
import type { OpenLayerOptions } from "../open-layer.ts";
import { layerFailure } from "./failure.ts";
import { LayerPass } from "./layer-pass.ts";
import type { LayerAnswer, LayerRequest, LayerThreadSetup } from "./messages.ts";
import { Openings } from "./openings.ts";
import type { LayerThreadProgram } from "./program.ts";
import { SlotBoard } from "./slot-board.ts";
import type { SlotMemory } from "./slot-memory.ts";

/** A thread that reads layers, one after the other. */
export class LayerThread {
  readonly #program: LayerThreadProgram;
  readonly #worker: Worker;
  readonly #memory: SlotMemory;
  readonly #board: SlotBoard;
  readonly #openings: Openings;
  #pass: LayerPass | undefined;
  #layer: Layer | undefined;
  #ending: Promise<void> | undefined;

  /** @param memory idle; it is again some time after the thread's end */
  constructor(program: LayerThreadProgram, memory: SlotMemory, signal: AbortSignal) {
    this.#program = program;
    this.#memory = memory;
    this.#board = new SlotBoard(memory.slotCount);
    const setup: LayerThreadSetup = { memory: memory.memory, board: this.#board.memory, core: compileCore() };
    this.#worker = new Worker(program.file, { workerData: setup, name: "sifon layer", execArgv: [] });
    this.#openings = new Openings((request) => this.#post(request), signal);
    this.#worker.on("message", (answer: LayerAnswer) => {
      if (answer.kind === "ask") void this.#openings.answer(answer);
      else this.#pass?.receive(answer);
    });
    this.#worker.on("error", (cause) => this.#lost(cause.message, cause));
    this.#worker.on("exit", (exitCode) => this.#lost(`exit code ${exitCode}`));
    memory.attach((slot) => {
      if (this.#board.free(slot)) this.#post({ kind: "free" });
    });
  }

  /** Whether it takes another layer: none is being read, and it has not been ended. */
  get isFree(): boolean {
    return this.#pass === undefined && !this.hasEnded;
  }

  get hasEnded(): boolean {
    return this.#ending !== undefined;
  }

  /** The layer that is being read. */
  get layer(): Layer | undefined {
    return this.#pass === undefined ? undefined : this.#layer;
  }

  /** Whether it has begun to receive a layer. */
  hasPrepared(layer: Layer): boolean {
    return this.#openings.next === layer;
  }

  /** Lets it begin to receive the layer that it is likely to be asked for next, where it opens that by itself. */
  prepare(layer: Layer): void {
    if (!this.hasEnded) this.#openings.prepare(layer);
  }

  /** Begins to read a layer; a pass that does not end well ends the thread, too. */
  read(layer: Layer, { signal, onProgress, limits }: OpenLayerOptions): LayerPass {
    if (!this.isFree) throw new InternalError("a layer's thread was asked for two layers at once");
    const { descriptor, diffId } = layer;
    this.#layer = layer;
    const link = {
      open: async () => {
        const opening = await this.#openings.open(layer);
        this.#post({ kind: "open", layer: { descriptor, diffId }, limits, opening });
        return opening !== undefined;
      },
      post: (request: LayerRequest, transfer: readonly ArrayBuffer[]) => this.#post(request, transfer),
      memory: this.#memory,
      board: this.#board,
      errorOf: (failure: Parameters<typeof layerFailure>[0]) =>
        layerFailure(failure, this.#program.errors, descriptor.digest),
      ended: (well: boolean) => {
        this.#pass = undefined;
        this.#openings.ended();
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
    this.#openings.close();
    this.#ending ??= this.#worker.terminate().then(() => this.#memory.detach());
    return this.#ending;
  }

  #post(request: LayerRequest, transfer: readonly ArrayBuffer[] = []): void {
    if (!this.hasEnded) this.#worker.postMessage(request, transfer);
  }

  #lost(reason: string, cause?: Error): void {
    if (this.hasEnded) return;
    const digest = this.#layer?.descriptor.digest;
    this.fail(new LayerError("LAYER_THREAD_FAILED", { digest, reason, ...(cause === undefined ? {} : { cause }) }));
  }
}
