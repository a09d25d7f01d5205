import { visitAll } from "../../bytes/prompt-iterator.ts";
import type { TarEntry } from "../../tar/entry.ts";
import type { MergeLayer } from "./contract.ts";
import { MergeError } from "./errors.ts";
import { MAX_ENTRIES } from "./limits.ts";

/**
 * Reads a layer through. `visit` gets each entry with its place; a promise from it is waited for.
 * @throws what the layer throws, MergeError TOO_MANY_ENTRIES, or the signal's reason
 */
export async function readLayer(
  layer: MergeLayer,
  signal: AbortSignal,
  visit: (entry: TarEntry, order: number) => Promise<void> | undefined,
): Promise<void> {
  signal.throwIfAborted();
  let order = 0;
  await visitAll(layer.entries(), (entry) => {
    signal.throwIfAborted();
    if (order >= MAX_ENTRIES) throw new MergeError("TOO_MANY_ENTRIES", { layer: layer.name, limit: MAX_ENTRIES });
    return visit(entry, order++);
  });
}

/**
 * Reads some entries of a layer again, by place, and stops after the last.
 * @throws MergeError LAYER_CHANGED where the layer ends before
 */
export async function readAgain<T>(
  layer: MergeLayer,
  wanted: ReadonlyMap<number, T>,
  signal: AbortSignal,
  take: (entry: TarEntry, order: number, what: T) => Promise<void>,
): Promise<void> {
  let missing = wanted.size;
  if (missing === 0) return;
  let order = 0;
  await visitAll(layer.entries(), (entry) => {
    signal.throwIfAborted();
    const place = order++;
    const what = wanted.get(place);
    return what === undefined ? false : take(entry, place, what).then(() => --missing === 0);
  });
  if (missing > 0) throw new MergeError("LAYER_CHANGED", { layer: layer.name, order });
}
