import { copyBytes } from "../bytes/copy-bytes.ts";
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

/** What became of a block; its bytes are in the buffer that it was encoded into. */
export interface BlockResult {
  /** 0 where the block is stored as it is. */
  readonly compressedSize: number;
  readonly hash: readonly [number, number, number, number];
}

/** Encodes a block into a buffer, from elsewhere or in place. */
export function encodeInto(codec: BlockCodec, block: Uint8Array, target: Uint8Array): BlockResult {
  const hash = codec.contentHash(block);
  const compressed = codec.compress(block);
  const isThere = block.buffer === target.buffer && block.byteOffset === target.byteOffset;
  if (compressed !== undefined) copyBytes(compressed, target, 0);
  else if (!isThere) copyBytes(block, target, 0);
  return { compressedSize: compressed?.length ?? 0, hash };
}
