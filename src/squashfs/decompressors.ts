import type { Decompressor } from "./decompressors/decompressor.ts";
import { gzipDecompressor } from "./decompressors/gzip.ts";
import { Compressor } from "./format.ts";

/** Name of a compressor code; `undefined` for one that SquashFS 4.0 does not know. */
export function compressorName(code: number): keyof typeof Compressor | undefined {
  return (Object.keys(Compressor) as (keyof typeof Compressor)[]).find((name) => Compressor[name] === code);
}

/** The decoder of a compressor, loaded when it is needed; `undefined` where Sifon has none (lzo, lzma). */
export async function loadDecompressor(compressor: keyof typeof Compressor): Promise<Decompressor | undefined> {
  switch (compressor) {
    case "gzip":
      return gzipDecompressor;
    case "lz4":
      return (await import("./decompressors/lz4.ts")).lz4Decompressor;
    case "zstd":
      return (await import("./decompressors/zstd.ts")).loadZstdDecompressor();
    case "xz":
      return (await import("./decompressors/xz.ts")).xzDecompressor;
    case "lzma":
    case "lzo":
      return undefined;
  }
}
