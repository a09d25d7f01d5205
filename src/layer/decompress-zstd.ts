import type { ByteReader } from "../bytes/byte-reader.ts";
import type { Digest } from "../oci/digest.ts";
import { LayerError } from "./errors.ts";
import { createZstdStream } from "./zstd-stream.ts";

/**
 * Zstandard frames and skippable frames, one after the other (RFC 8878 §3.1). Windows up to 128 MiB are
 * accepted, as by zstd(1) without `--long`; the memory taken is the window's.
 *
 * Chunks are views of the decoder's memory.
 */
export async function* unzstd(reader: ByteReader, digest: Digest): AsyncGenerator<Uint8Array, void, undefined> {
  const stream = await createZstdStream();
  const corrupt = (offset: number, reason: string) =>
    new LayerError("LAYER_CORRUPT", { digest, offset, compression: "zstd", reason });
  let isInsideFrame = false;
  for (;;) {
    const start = reader.offset;
    const chunk = await reader.nextChunk(stream.inputSize);
    if (chunk === undefined) break;
    stream.feed(chunk);
    for (;;) {
      const step = stream.decode();
      if (step.kind === "error") {
        const details = { digest, offset: start + step.consumed, limitName: "zstd window", limit: "128 MiB" };
        if (step.reason === "window")
          throw new LayerError("LAYER_LIMIT_EXCEEDED", { ...details, field: "zstd window", seen: "larger" });
        throw corrupt(start + step.consumed, step.reason);
      }
      isInsideFrame = step.isInsideFrame;
      if (step.output.length > 0) yield step.output;
      if (step.isDrained) break;
    }
  }
  if (isInsideFrame) throw corrupt(reader.offset, "it ends inside a frame");
}
