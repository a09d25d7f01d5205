import { InternalError } from "../../errors.ts";
import { type DetachedLayer, detachingOf } from "../../oci/detached-layer.ts";
import type { Layer } from "../../oci/image.ts";
import { toFailure } from "./failure.ts";
import type { LayerAnswer, LayerRequest, Opening } from "./messages.ts";

interface Detached {
  readonly layer: Layer;
  readonly number: number;
  detached: DetachedLayer | undefined;
  readonly onClosed: () => void;
}

/** What a thread opens by itself, as this side knows it: the layer that is read, and the one that is next. */
export class Openings {
  readonly #post: (request: LayerRequest) => void;
  readonly #signal: AbortSignal;
  readonly #life = new AbortController();
  #count = 0;
  #current: Detached | undefined;
  #next: Detached | undefined;

  constructor(post: (request: LayerRequest) => void, signal: AbortSignal) {
    this.#post = post;
    this.#signal = AbortSignal.any([signal, this.#life.signal]);
  }

  /** The layer that the thread was let begin to receive. */
  get next(): Layer | undefined {
    return this.#next?.layer;
  }

  /** Lets the thread begin to receive a layer; whoever opens it then hears of what fails. */
  prepare(layer: Layer): void {
    if (detachingOf(layer) === undefined || this.#next?.layer === layer) return;
    this.#forget(this.#next);
    const next = this.#begin(layer);
    this.#next = next;
    this.#describe(next).then(
      (opening) => {
        if (opening !== undefined && this.#next === next) this.#post({ kind: "prepare", opening });
      },
      () => {},
    );
  }

  /** What the thread opens a layer with; undefined where it is to be fed. Throws what `Layer.open` throws. */
  async open(layer: Layer): Promise<Opening | undefined> {
    const prepared = this.#next;
    this.#next = undefined;
    this.ended();
    if (prepared?.layer !== layer) this.#forget(prepared);
    this.#current = prepared?.layer === layer ? prepared : this.#begin(layer);
    return this.#describe(this.#current);
  }

  /** The layer that was opened is read, or given up. */
  ended(): void {
    this.#forget(this.#current);
    this.#current = undefined;
  }

  close(): void {
    this.#life.abort();
    this.ended();
    this.#forget(this.#next);
    this.#next = undefined;
  }

  /** Has a question of the thread answered. */
  async answer({ opening, question, value }: Extract<LayerAnswer, { kind: "ask" }>): Promise<void> {
    try {
      const asking = [this.#current, this.#next].find((one) => one?.number === opening)?.detached;
      if (asking?.answer === undefined) throw new InternalError("a layer's thread asked what nobody answers");
      this.#post({ kind: "answer", question, value: await asking.answer(value, this.#signal) });
    } catch (error) {
      this.#post({ kind: "refuse", question, failure: toFailure(error) });
    }
  }

  #begin(layer: Layer): Detached {
    const number = this.#count++;
    return { layer, number, detached: undefined, onClosed: () => this.#post({ kind: "close", number }) };
  }

  /** As things stand now: a place may have failed since the layer was prepared. */
  async #describe(one: Detached): Promise<Opening | undefined> {
    const detached = await detachingOf(one.layer)?.({ signal: this.#signal });
    if (detached === undefined) return undefined;
    one.detached?.closed?.removeEventListener("abort", one.onClosed);
    one.detached = detached;
    detached.closed?.addEventListener("abort", one.onClosed, { once: true });
    return { number: one.number, description: detached.description };
  }

  #forget(one: Detached | undefined): void {
    one?.detached?.closed?.removeEventListener("abort", one.onClosed);
  }
}
