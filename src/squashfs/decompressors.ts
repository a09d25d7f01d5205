import type { Decompressor } from "./decompressors/decompressor.ts";
import { gzipDecompressor } from "./decompressors/gzip.ts";
import { lz4Decompressor } from "./decompressors/lz4.ts";
import { xzDecompressor } from "./decompressors/xz.ts";
import { loadZstdDecompressor } from "./decompressors/zstd.ts";
import { Compressor } from "./format.ts";

/** Name of a compressor code; `undefined` for one that SquashFS 4.0 does not know. */
export function compressorName(code: number): keyof typeof Compressor | undefined {
  return (Object.keys(Compressor) as (keyof typeof Compressor)[]).find((name) => Compressor[name] === code);
}

/** The decoder of a compressor; `undefined` where Sifon has none (lzo, lzma). */
export async function loadDecompressor(compressor: keyof typeof Compressor): Promise<Decompressor | undefined> {
  switch (compressor) {
    case "gzip":
      return gzipDecompressor;
    case "lz4":
      return lz4Decompressor;
    case "zstd":
      return loadZstdDecompressor();
    case "xz":
      return xzDecompressor;
    case "lzma":
    case "lzo":
      return undefined;
  }
}
