import { setImmediate as nextTurn } from "node:timers/promises";
import type { Layer, LayerStream } from "../../oci/image.ts";
import type { OnProgress, ProgressEvent } from "../../progress.ts";
import { blobError, isGivenAway, storedChunks, withStream } from "../stored-bytes.ts";
import type { Failure } from "./failure.ts";
import type { LayerAnswer, LayerRequest } from "./messages.ts";
import type { SlotBoard } from "./slot-board.ts";
import type { SlotMemory } from "./slot-memory.ts";

/** Stored bytes in a message: more spare messages and the waking of the thread, fewer keep less memory. */
const BATCH_SIZE = 512 * 1024;
/** Stored bytes that may be on their way to the thread or wait there; beyond them the source pauses. */
const STORED_LIMIT: number = 2 * BATCH_SIZE;

/** How a pass speaks with its thread. */
export interface PassLink {
  /** Lets the thread begin; gives whether it opens the layer by itself, or is to be fed. Throws what opening throws. */
  open(): Promise<boolean>;
  post(request: LayerRequest, transfer: readonly ArrayBuffer[]): void;
  /** What the thread's slots lie in. */
  readonly memory: SlotMemory;
  /** How they come and go. */
  readonly board: SlotBoard;
  /** An error of the thread, in this thread's classes. */
  errorOf(failure: Exclude<Failure, { kind: "source" }>): Error;
  /** The pass is over; the thread is good for another only where the pass ended well. */
  ended(well: boolean): void;
}

export interface PassOptions {
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress | undefined;
}

/**
 * One reading of one layer by a thread, as this side sees it: begun, and the thread fed if it is to be, from the first
 * moment on.
 */
export class LayerPass {
  readonly #layer: Layer;
  readonly #link: PassLink;
  readonly #options: PassOptions;
  /** Told when the reader comes: a layer that is read ahead begins, for people, in its turn. */
  #events: ProgressEvent[] | undefined = [];
  #source: LayerStream | undefined;
  #sourceError: { readonly error: unknown } | undefined;
  #outcome: { readonly kind: "whole" } | { readonly kind: "failed"; readonly error: unknown } | undefined;
  /** The slot that the reader has. */
  #slot: number | undefined;
  #unread = 0;
  #isOver = false;
  #wakeReader = (): void => {};
  #wakeFeeder = (): void => {};

  constructor(layer: Layer, link: PassLink, options: PassOptions) {
    this.#layer = layer;
    this.#link = link;
    this.#options = options;
    void this.#begin();
  }

  /** Takes what the thread says. */
  receive(answer: Exclude<LayerAnswer, { kind: "ask" }>): void {
    switch (answer.kind) {
      case "filled":
        break;
      case "read":
        this.#unread -= answer.size;
        this.#wakeFeeder();
        return;
      case "progress":
        if (this.#events === undefined) this.#options.onProgress?.(answer.event);
        else this.#events.push(answer.event);
        return;
      case "end":
        this.#outcome ??= { kind: "whole" };
        break;
      case "failed":
        this.#outcome ??= { kind: "failed", error: this.#errorOf(answer.failure) };
        break;
    }
    this.#wakeReader();
  }

  /** Ends the pass from outside: whatever is still in hand is lost. */
  fail(error: unknown): void {
    this.#outcome = { kind: "failed", error };
    this.#leave(false);
    this.#wakeReader();
  }

  /** What the thread has put into its next slot, lent until the next call, or kept by its lease; undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    for (const event of this.#events ?? []) this.#options.onProgress?.(event);
    this.#events = undefined;
    this.#giveBack();
    // However fast slots come, signals, timers and sockets have their turn between them.
    await nextTurn();
    const { memory, board } = this.#link;
    for (;;) {
      const filled = this.#isOver ? undefined : board.takeFilled();
      if (filled !== undefined) {
        this.#slot = filled.slot;
        return memory.lend(filled.slot, filled.size);
      }
      if (this.#outcome !== undefined) {
        const isWhole = this.#outcome.kind === "whole";
        this.#leave(isWhole);
        if (this.#outcome.kind === "failed") throw this.#outcome.error;
        return undefined;
      }
      if (!board.awaitFilled()) continue;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** The reader wants no more. */
  leave(): void {
    this.#giveBack();
    this.#leave(false);
  }

  #giveBack(): void {
    const slot = this.#slot;
    this.#slot = undefined;
    if (slot !== undefined) this.#link.memory.release(slot);
  }

  async #begin(): Promise<void> {
    try {
      if (await this.#link.open()) return;
    } catch (error) {
      const { descriptor } = this.#layer;
      this.#outcome ??= { kind: "failed", error: blobError(error, descriptor.digest, 0, this.#options.signal) };
      this.#wakeReader();
      return;
    }
    if (!this.#isOver) await this.#feed();
  }

  async #feed(): Promise<void> {
    let batch: Uint8Array[] = [];
    let size = 0;
    const send = (): void => {
      if (size > 0) this.#post({ kind: "stored", chunks: batch }, batch);
      batch = [];
      size = 0;
    };
    try {
      for await (const chunk of this.#storedBytes()) {
        batch.push(chunk);
        size += chunk.length;
        if (size < BATCH_SIZE) continue;
        this.#unread += size;
        send();
        while (this.#unread >= STORED_LIMIT && !this.#isOver) {
          await new Promise<void>((resolve) => {
            this.#wakeFeeder = resolve;
          });
        }
        if (this.#isOver) return;
      }
    } catch (error) {
      this.#sourceError = { error };
    }
    if (this.#isOver) return;
    this.#unread += size;
    send();
    this.#post({ kind: "stored-end", hasFailed: this.#sourceError !== undefined }, []);
  }

  /** The source's chunks, each the only one in its memory. */
  #storedBytes(): AsyncIterable<Uint8Array> {
    const { signal } = this.#options;
    const own = async function* (this: LayerPass, source: LayerStream): AsyncGenerator<Uint8Array, void, undefined> {
      this.#source = source;
      if (this.#isOver) return;
      for await (const chunk of storedChunks(source, this.#layer, signal))
        yield isGivenAway(source, chunk) ? chunk : new Uint8Array(chunk);
    };
    return withStream(this.#layer, signal, (source) => own.call(this, source));
  }

  #post(request: LayerRequest, owned: readonly Uint8Array[]): void {
    this.#link.post(
      request,
      owned.map(({ buffer }) => buffer as ArrayBuffer),
    );
  }

  #errorOf(failure: Failure): unknown {
    return failure.kind === "source" ? this.#sourceError?.error : this.#link.errorOf(failure);
  }

  #leave(well: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#source?.destroy();
    this.#wakeFeeder();
    this.#link.ended(well);
  }
}
