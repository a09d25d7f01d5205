import type { Layer } from "../oci/image.ts";
import type { TarEntry } from "../tar/entry.ts";
import { readTar } from "../tar/read-tar.ts";
import { type CheckedTarOptions, checkedTar } from "./checked-tar.ts";
import { freedChunks, withStream } from "./stored-bytes.ts";

export interface OpenLayerOptions extends CheckedTarOptions {
  readonly signal: AbortSignal;
}

/**
 * The uncompressed tar of a layer, checked, in the calling thread; `LayerThreads` does the same in others. One
 * chunk is asked for at a time, so the consumer's pace reaches the source; leaving early, an error or an abort
 * destroys the source's stream at once. The layer counts as read only when this has ended well.
 *
 * Throws `LayerError`, errors of the source that are Sifon's own, and the signal's reason.
 */
export function openLayer(layer: Layer, options: OpenLayerOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal } = options;
  return withStream(layer, signal, (source) => checkedTar(freedChunks(source, layer, signal), layer, options));
}

/** The entries of a layer; the blob is read and checked to its end before the last `next` resolves. */
export function readLayerEntries(layer: Layer, options: OpenLayerOptions): AsyncGenerator<TarEntry, void, undefined> {
  return readTar(openLayer(layer, options), { name: layer.descriptor.digest, signal: options.signal });
}
