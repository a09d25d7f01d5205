import { inflateSync } from "node:zlib";
import { DecompressError, type Decompressor } from "./decompressor.ts";

/** What SquashFS calls gzip: zlib streams (RFC 1950). */
export const gzipDecompressor: Decompressor = {
  decompress(input, limit) {
    try {
      // One chunk of the most that may come: no joining of pieces, no growing.
      return inflateSync(input, { maxOutputLength: limit, chunkSize: Math.max(limit, 64) });
    } catch (cause) {
      throw new DecompressError(`zlib: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  },
};
