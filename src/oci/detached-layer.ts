import type { Layer } from "./image.ts";

/** A layer that is opened in another thread, by the code that its source has there. */
export interface DetachedLayer {
  /** A clone of it goes to the thread. */
  readonly description: unknown;
  /** Answers what the thread asks of the source on the way; question and answer are cloned, too. */
  answer?(question: unknown, signal: AbortSignal): Promise<unknown>;
  /** Aborted when the source is closed, and with it the streams that are open. */
  readonly closed?: AbortSignal;
}

/** What a thread needs to open a layer by itself; undefined where it cannot. Throws what `Layer.open` throws. */
export type DetachLayer = (options: { readonly signal: AbortSignal }) => Promise<DetachedLayer | undefined>;

/** By what opens the layer here: who puts another `open` in its place has that called, and none of ours elsewhere. */
const DETACHING = new WeakMap<Layer["open"], DetachLayer>();

/** A layer's `open` that another thread can do, too. */
export function detachable(open: Layer["open"], detach: DetachLayer): Layer["open"] {
  DETACHING.set(open, detach);
  return open;
}

/** How to have a layer opened in another thread; undefined where only `open` can. */
export function detachingOf({ open }: Pick<Layer, "open">): DetachLayer | undefined {
  return DETACHING.get(open);
}
