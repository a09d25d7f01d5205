import type { ByteString } from "../bytes/byte-string.ts";

/** A 32-bit hash of bytes, unsigned, mixed enough for power-of-two tables: FNV-1a, then MurmurHash3's finaliser. */
export function hashBytes(bytes: ByteString, seed = 0): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = 0; i < bytes.length; i++) h = Math.imul(h ^ bytes.charCodeAt(i), 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
