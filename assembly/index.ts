// The exports of the core. Policy (when to compress, with what) stays in TypeScript: src/wasm/core.ts.

import { initSymbols } from "./deflate/symbols";
import { zlib } from "./deflate/zlib";
import { adler32 as checksum } from "./hash/adler32";
import { sha256Digest, sha256Reset, sha256Update } from "./hash/sha256";
import { digestHigh, digestLow, hash128, hash128Digest, hash128Reset, hash128Update } from "./hash/xxh128";
import { isZero as allZero } from "./hash/zero";
import { lz4Best } from "./lz4/best";
import { lz4Fast } from "./lz4/fast";
import { INPUT, INPUT_SLACK, layout, layoutBest, output, STATIC_END } from "./memory";

/** Lays out memory for blocks of up to `blockSize` bytes; called once. False where memory is refused. */
export function init(blockSize: u32): bool {
  // The compiler's static data must not reach into the map.
  if (__heap_base > STATIC_END || !layout(blockSize)) return false;
  initSymbols();
  return true;
}

/** Adds the tables of level 2, once, before its first use; memory grows. */
export function initBest(): bool {
  return layoutBest();
}

/** Where every input goes. */
export function inputAddress(): usize {
  return INPUT;
}

/** Where compressors write. */
export function outputAddress(): usize {
  return output;
}

/** Compresses the first `size` bytes of the input into a zlib stream; 0 where that is not smaller. */
export function deflate(size: u32, level: u32): u32 {
  return zlib(size, level);
}

/** Compresses the first `size` bytes of the input into an LZ4 block; 0 where that is not smaller. */
export function lz4(size: u32, best: bool): u32 {
  // What a search reads past the input must not depend on the block before.
  memory.fill(INPUT + size, 0, INPUT_SLACK);
  return best ? lz4Best(size) : lz4Fast(size);
}

/** Continues an Adler-32 over the input. */
export function adler32(start: u32, size: u32): u32 {
  return checksum(start, INPUT, size);
}

/** Whether the first `size` bytes of the input are all zero. */
export function isZero(size: u32): bool {
  return allZero(INPUT, size);
}

/** XXH128 of the input; the digest is read with contentHashWord. */
export function contentHash(size: u32): void {
  hash128(INPUT, size);
}

/** Begins an XXH128 that takes the input in pieces; the one-shot `contentHash` leaves it alone. */
export function contentHashReset(): void {
  hash128Reset();
}

/** Takes the first `size` bytes of the input. */
export function contentHashUpdate(size: u32): void {
  hash128Update(INPUT, size);
}

/** Ends the pieces; the digest is read with contentHashWord. */
export function contentHashDigest(): void {
  hash128Digest();
}

/** 32 bits of the last digest, 0 the highest. */
export function contentHashWord(index: u32): u32 {
  const half = index < 2 ? digestHigh : digestLow;
  return <u32>(half >>> ((index & 1) === 0 ? 32 : 0));
}

/** Begins a SHA-256. */
export function shaReset(): void {
  sha256Reset();
}

/** Takes the first `size` bytes of the input. */
export function shaUpdate(size: u32): void {
  sha256Update(INPUT, size);
}

/** Ends the SHA-256; gives the address of its 32 bytes. */
export function shaDigest(): usize {
  return sha256Digest();
}
