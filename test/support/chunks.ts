/** Cuts bytes into chunks of the given sizes, the last taking what is left; sizes of 0 give empty chunks. */
export function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  if (at < bytes.length) chunks.push(bytes.subarray(at));
  return chunks;
}

/** Cuts bytes into chunks of one size. */
export function cutEvenly(bytes: Uint8Array, size: number): Uint8Array[] {
  const sizes = Array.from({ length: Math.ceil(bytes.length / size) }, () => size);
  return cut(bytes, sizes);
}

/**
 * Chunks as a stream whose memory is reused at once, as borrowed chunks may be: whoever keeps a view past
 * the next pull finds 0xEE.
 */
export async function* borrowed(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for (const chunk of chunks) {
    const copy = Uint8Array.from(chunk);
    yield copy;
    copy.fill(0xee);
  }
}

export async function* streamOf(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunks;
}

/** Tells whether the consumer left the stream, or it ended. */
export function isReturned(source: AsyncIterable<Uint8Array>): {
  readonly chunks: AsyncIterable<Uint8Array>;
  returned(): boolean;
} {
  let isOver = false;
  async function* watch(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* source;
    } finally {
      isOver = true;
    }
  }
  return { chunks: watch(), returned: () => isOver };
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(Uint8Array.from(chunk));
  return Buffer.concat(all);
}
