import { stat } from "node:fs/promises";
import { addAbortSignal, Readable } from "node:stream";
import { BytesError } from "./errors.ts";
import { openRegular } from "./open-regular.ts";
import { openStream } from "./open-stream.ts";
import { streamChunks } from "./stream-chunks.ts";

/** What a configuration, a certificate bundle or a definition may have; the largest that are known have a tenth of it. */
export const SMALL_FILE_LIMIT: number = 4 * 1024 * 1024;

/** Room for what tells no size, at first. */
const MIN_ROOM = 4096;
/** At a time: between two reads a signal is heard. */
const READ_SIZE = 4 * 1024 * 1024;

/** How much is taken, and until when. */
export interface ReadWholeOptions {
  /** Bytes; 4 MiB by default. It holds for pipes and devices, too, which tell no size before. */
  readonly limit?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A small file, whole: of any kind that {@link openStream} opens, named pipes and `<(command)` among them.
 * @throws BytesError FILE_TOO_LARGE, what the file system says, the signal's reason
 */
export async function readWholeFile(path: string, options: ReadWholeOptions = {}): Promise<Buffer> {
  const { limit = SMALL_FILE_LIMIT, signal } = options;
  signal?.throwIfAborted();
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  return isFile ? readRegular(path, limit, signal) : readWholeStream(await openStream(path), path, options);
}

/** Into one piece of memory, as large as the file: files of keys are large. */
async function readRegular(path: string, limit: number, signal: AbortSignal | undefined): Promise<Buffer> {
  const file = await openRegular(path);
  try {
    const { size: told } = await file.stat();
    // Files of /proc tell no size; one more shows the end.
    let bytes = Buffer.allocUnsafeSlow(Math.min(Math.max(told, MIN_ROOM), limit) + 1);
    for (let size = 0; ; ) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(bytes, size, Math.min(bytes.length - size, READ_SIZE), size);
      if (bytesRead === 0) return bytes.subarray(0, size);
      size += bytesRead;
      if (size > limit) throw new BytesError("FILE_TOO_LARGE", { path, limit });
      if (size === bytes.length) bytes = Buffer.concat([bytes], Math.min(2 * size, limit + 1));
    }
  } finally {
    await file.close();
  }
}

/** As {@link readWholeFile}, as UTF-8. */
export async function readWholeText(path: string, options: ReadWholeOptions = {}): Promise<string> {
  return (await readWholeFile(path, options)).toString("utf8");
}

/**
 * All of a stream, which is destroyed where it is too long and when the signal comes.
 * @param path as messages name it
 * @throws BytesError FILE_TOO_LARGE, what the stream fails with, the signal's reason
 */
export async function readWholeStream(
  stream: Readable,
  path: string,
  { limit = SMALL_FILE_LIMIT, signal }: ReadWholeOptions = {},
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of untilAborted(stream, signal)) {
    size += chunk.length;
    if (size > limit) throw new BytesError("FILE_TOO_LARGE", { path, limit });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The chunks of what comes by itself: a signal ends also the waiting for the next one. Rejects with its reason. */
export async function* untilAborted(
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const isStream = stream instanceof Readable;
  if (isStream && signal !== undefined) addAbortSignal(signal, stream);
  try {
    for await (const chunk of isStream ? streamChunks(stream) : stream) {
      signal?.throwIfAborted();
      yield chunk;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
