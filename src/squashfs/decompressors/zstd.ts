import { ZSTDDecoder } from "zstddec";
import { DecompressError, type Decompressor } from "./decompressor.ts";

/** Zstandard frames (RFC 8878). */
export async function loadZstdDecompressor(): Promise<Decompressor> {
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return {
    decompress(input, limit) {
      let output: Uint8Array;
      try {
        // Given a size, the decoder writes at most so much, whatever the frame header announces.
        output = decoder.decode(input, limit);
      } catch (cause) {
        throw new DecompressError("zstd: the decoder failed", { cause });
      }
      // An error code comes back as a negative length, which zstddec cuts to nothing; blocks are never empty.
      if (output.length === 0 || output.length > limit)
        throw new DecompressError("zstd: damaged, or larger than allowed");
      return output;
    },
  };
}
