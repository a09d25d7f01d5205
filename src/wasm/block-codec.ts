import type { Compression } from "./compression.ts";
import type { ContentHash, Core } from "./core.ts";

/** What encoding needs of the core, with the compression already chosen. Deterministic: equal bytes in, equal bytes out. */
export interface BlockCodec {
  /** The compressed bytes, borrowed until the next call; undefined where they are not smaller than the input. */
  compress(bytes: Uint8Array): Uint8Array | undefined;
  contentHash(bytes: Uint8Array): ContentHash;
}

/** The core with a compression chosen. */
export function codecOf(core: Core, compression: Compression): BlockCodec {
  return {
    compress: (bytes) => (compression.kind === "none" ? undefined : core.compress(bytes, compression)),
    contentHash: (bytes) => core.contentHash(bytes),
  };
}

/** Replaces a block by its compressed bytes; gives their size, 0 where the block stays as it is. */
export function compressInPlace(codec: BlockCodec, block: Uint8Array): number {
  const compressed = codec.compress(block);
  if (compressed === undefined) return 0;
  block.set(compressed);
  return compressed.length;
}
