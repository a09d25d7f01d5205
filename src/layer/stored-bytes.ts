import { freeMemory } from "../bytes/free-memory.ts";
import { streamChunks } from "../bytes/stream-chunks.ts";
import { SifonError } from "../errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Layer, LayerStream } from "../oci/image.ts";
import { LayerError } from "./errors.ts";

/**
 * Lends the stream of a layer's stored bytes; it is destroyed when `use` ends, and by the signal at once. What
 * opening it throws is named after the blob.
 */
export async function* withStream<T>(
  layer: Layer,
  signal: AbortSignal,
  use: (source: LayerStream) => AsyncIterable<T>,
): AsyncGenerator<T, void, undefined> {
  signal.throwIfAborted();
  const source = await layer.open({ signal }).catch((cause: unknown) => {
    throw blobError(cause, layer.descriptor.digest, 0, signal);
  });
  const abort = () => source.destroy(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    yield* use(source);
  } finally {
    signal.removeEventListener("abort", abort);
    source.destroy();
  }
}

/** The stream's chunks; what it throws is named after the blob. */
export async function* storedChunks(
  source: LayerStream,
  { descriptor }: Layer,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let offset = 0;
  try {
    for await (const chunk of streamChunks(source)) {
      offset += chunk.length;
      yield chunk;
    }
  } catch (cause) {
    throw blobError(cause, descriptor.digest, offset, signal);
  }
}

/** The stream's chunks, each of them freed, where it may be, when the next is asked for. */
export async function* freedChunks(
  source: LayerStream,
  layer: Layer,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of storedChunks(source, layer, signal)) {
    yield chunk;
    if (isGivenAway(source, chunk)) freeMemory(chunk.buffer);
  }
}

/** Whether a chunk may be freed, or given to another thread, once it is read. */
export function isGivenAway(source: LayerStream, chunk: Uint8Array): boolean {
  return source.givesChunksAway === true && chunk.length === chunk.buffer.byteLength;
}

/** An error of opening or reading, named after the blob. */
export function blobError(cause: unknown, digest: Digest, offset: number, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (cause instanceof SifonError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new LayerError("BLOB_READ_FAILED", { digest, offset, reason, cause });
}
