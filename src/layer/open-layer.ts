import { freeMemory } from "../bytes/free-memory.ts";
import { streamChunks } from "../bytes/stream-chunks.ts";
import { SifonError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Layer, LayerStream } from "../oci/image.ts";
import type { OnProgress } from "../progress.ts";
import type { TarEntry } from "../tar/entry.ts";
import { readTar } from "../tar/read-tar.ts";
import { decompress } from "./decompress.ts";
import { LayerError } from "./errors.ts";
import type { ExpansionLimits } from "./limits.ts";
import { verifyBlob, verifyDiffId } from "./verify.ts";

export interface OpenLayerOptions {
  readonly signal: AbortSignal;
  /** Hears of the blob's start, progress and end. */
  readonly onProgress?: OnProgress | undefined;
  readonly limits?: Partial<ExpansionLimits> | undefined;
}

/**
 * The uncompressed tar of a layer, checked: open → verify → decompress → verify diffID. One chunk is asked
 * for at a time, so the consumer's pace reaches the source; leaving early, an error or an abort destroys the
 * source's stream at once. The layer counts as read only when this has ended well.
 *
 * Throws `LayerError`, errors of the source that are Sifon's own, and the signal's reason.
 */
export async function* openLayer(layer: Layer, options: OpenLayerOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, onProgress, limits } = options;
  const { digest } = layer.descriptor;
  signal.throwIfAborted();
  const source = await layer.open({ signal }).catch((cause: unknown) => {
    throw blobError(cause, digest, 0, signal);
  });
  const abort = () => source.destroy(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    const stored = verifyBlob(sourceChunks(source, layer, signal), layer.descriptor, onProgress);
    const tar = decompress(stored, { digest, limits });
    yield* layer.diffId === undefined ? tar : verifyDiffId(tar, layer.diffId, digest);
  } finally {
    signal.removeEventListener("abort", abort);
    source.destroy();
  }
}

/** The entries of a layer; the blob is read and checked to its end before the last `next` resolves. */
export function readLayerEntries(layer: Layer, options: OpenLayerOptions): AsyncGenerator<TarEntry, void, undefined> {
  return readTar(openLayer(layer, options), { name: layer.descriptor.digest, signal: options.signal });
}

/** The source's chunks; what it throws is named after the blob. */
async function* sourceChunks(
  source: LayerStream,
  layer: Layer,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let offset = 0;
  try {
    for await (const chunk of streamChunks(source)) {
      offset += chunk.length;
      yield chunk;
      if (source.givesChunksAway === true && chunk.length === chunk.buffer.byteLength) freeMemory(chunk.buffer);
    }
  } catch (cause) {
    throw blobError(cause, layer.descriptor.digest, offset, signal);
  }
}

function blobError(cause: unknown, digest: Digest, offset: number, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (cause instanceof SifonError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LayerError("BLOB_READ_FAILED", { digest, offset, reason, cause });
}
