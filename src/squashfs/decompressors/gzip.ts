import { promisify } from "node:util";
import { inflate, inflateSync, type ZlibOptions } from "node:zlib";
import { DecompressError, type Decompressor } from "./decompressor.ts";

const inflateAside: (input: Uint8Array, options: ZlibOptions) => Promise<Uint8Array> = promisify(inflate);

/** What SquashFS calls gzip: zlib streams (RFC 1950). */
export const gzipDecompressor: Decompressor = {
  decompress(input, limit) {
    try {
      return inflateSync(input, oneChunk(limit));
    } catch (cause) {
      throw failure(cause);
    }
  },
  async decompressAside(input, limit) {
    try {
      return await inflateAside(input, oneChunk(limit));
    } catch (cause) {
      throw failure(cause);
    }
  },
};

/** One chunk, of which a byte stays free: no joining of pieces, and where one is full Node makes the next at once. */
function oneChunk(limit: number): ZlibOptions {
  return { maxOutputLength: limit, chunkSize: Math.max(limit, 64) + 1 };
}

function failure(cause: unknown): DecompressError {
  return new DecompressError(`zlib: ${cause instanceof Error ? cause.message : cause}`, { cause });
}
