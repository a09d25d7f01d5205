import type { Readable } from "node:stream";

/**
 * A stream's chunks as they were pushed, one at a time; its buffer fills meanwhile. The stream's own iterator
 * gives all that is buffered as one copy: twice the memory, and megabytes at a time where the consumer is
 * slower than the source. Throws what the stream fails with, and where it closes before its end. Leaving
 * early destroys it.
 */
export async function* streamChunks(stream: Readable): AsyncGenerator<Uint8Array, void, undefined> {
  const chunks: Uint8Array[] = [];
  let isEnded = false;
  let failure: { readonly error: unknown } | undefined;
  let wake = (): void => {};
  const onData = (chunk: Uint8Array): void => {
    stream.pause();
    chunks.push(chunk);
    wake();
  };
  const onEnd = (): void => {
    isEnded = true;
    wake();
  };
  const onError = (error: unknown): void => {
    failure ??= { error };
    wake();
  };
  const onClose = (): void => onError(stream.errored ?? prematureClose());
  stream.on("error", onError);
  if (stream.destroyed) onClose();
  else stream.on("close", onClose).on("end", onEnd).on("data", onData);
  try {
    for (;;) {
      for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) yield chunk;
      if (isEnded) return;
      if (failure !== undefined) throw failure.error;
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      stream.resume();
      await woken;
    }
  } finally {
    stream.off("data", onData).off("end", onEnd).off("close", onClose);
    // The listener for errors stays: one that comes later has nobody else to hear it.
    if (!isEnded) stream.destroy();
  }
}

/** As `stream.finished` has it. */
function prematureClose(): Error {
  return Object.assign(new Error("Premature close"), { code: "ERR_STREAM_PREMATURE_CLOSE" });
}
