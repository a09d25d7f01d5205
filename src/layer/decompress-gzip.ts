import { createGunzip } from "node:zlib";
import type { ByteReader } from "../bytes/byte-reader.ts";
import { freeMemory } from "../bytes/free-memory.ts";
import type { Digest } from "../oci/digest.ts";
import { LayerError } from "./errors.ts";

/**
 * Output buffer of zlib. Node's default of 16 KiB costs two thirds of the speed (a thread hop per buffer);
 * from 256 KiB on, larger ones gain nothing and keep more memory waiting for the collector.
 */
const OUTPUT_SIZE = 256 * 1024;
/** Stored bytes that are given to zlib at a time: each call costs 30 µs, a connection's chunks are 64 KiB at most. */
const INPUT_SIZE = 256 * 1024;

/**
 * gzip members, one after the other (RFC 1952 §2.2), and zeros behind them, which tapes and some registries'
 * tools leave. Anything else there is refused: gzip(1) warns, exits with 2 and gives the data, but Go's
 * reader (Docker, containerd, Apptainer) fails, and a damaged start of a later member looks just the same,
 * so taking it for garbage could drop the better part of a layer.
 *
 * While the consumer is at work on one chunk, zlib's thread inflates the next.
 */
export async function* gunzip(reader: ByteReader, digest: Digest): AsyncGenerator<Uint8Array, void, undefined> {
  const inflater = createGunzip({ chunkSize: OUTPUT_SIZE });
  const ready: Uint8Array[] = [];
  let failure: Error | undefined;
  let isEnded = false;
  let wake = (): void => {};
  // One chunk at a time: a paused stream keeps at most two more and then stops zlib.
  inflater.on("data", (chunk: Buffer) => {
    inflater.pause();
    ready.push(chunk);
    wake();
  });
  inflater.on("error", (error) => {
    failure = error;
    wake();
  });
  inflater.on("end", () => {
    isEnded = true;
    wake();
  });

  /** Gives what is inflated until `isDone`. */
  async function* outputs(isDone: () => boolean): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      for (let chunk = ready.shift(); chunk !== undefined; chunk = ready.shift()) {
        yield chunk;
        // zlib writes into a buffer until it is full; chunks before this one are behind the consumer.
        if (chunk.byteOffset + chunk.length === chunk.buffer.byteLength) freeMemory(chunk.buffer);
      }
      if (failure !== undefined) throw corrupt(failure, inflater.bytesWritten, digest);
      if (isDone()) return;
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      inflater.resume();
      await woken;
    }
  }

  const input = Buffer.allocUnsafeSlow(INPUT_SIZE);
  try {
    for (;;) {
      const start = reader.offset;
      const chunk = await gather(reader, input);
      if (chunk.length === 0) break;
      let isConsumed = false;
      inflater.write(chunk, () => {
        isConsumed = true;
        wake();
      });
      yield* outputs(() => isConsumed);
      const used = inflater.bytesWritten - start;
      if (used < chunk.length) {
        // zlib stops at a zero behind a member, and nowhere else.
        await requireZeros(chunk.subarray(used), start + used, reader, digest);
        break;
      }
    }
    inflater.end();
    yield* outputs(() => isEnded);
  } finally {
    inflater.destroy();
  }
}

/** The next stored bytes, as many as fit. */
async function gather(reader: ByteReader, input: Buffer): Promise<Buffer> {
  let size = 0;
  while (size < input.length) {
    const chunk = await reader.nextChunk(input.length - size);
    if (chunk === undefined) break;
    size += chunk.copy(input, size);
  }
  return input.subarray(0, size);
}

async function requireZeros(first: Uint8Array, offset: number, reader: ByteReader, digest: Digest): Promise<void> {
  let at = offset;
  for (let chunk: Uint8Array | undefined = first; chunk !== undefined; chunk = await reader.nextChunk()) {
    const other = chunk.findIndex((byte) => byte !== 0);
    if (other >= 0) throw new LayerError("LAYER_TRAILING_GARBAGE", { digest, offset: at + other, compression: "gzip" });
    at += chunk.length;
  }
}

function corrupt(cause: Error, offset: number, digest: Digest): LayerError {
  // The blob's first bytes were gzip's magic, so this is zlib's word on bytes behind a member.
  if (cause.message === "incorrect header check")
    return new LayerError("LAYER_TRAILING_GARBAGE", { digest, offset, compression: "gzip", cause });
  return new LayerError("LAYER_CORRUPT", { digest, offset, compression: "gzip", reason: cause.message, cause });
}
