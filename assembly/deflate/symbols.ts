import { DISTANCE_EXTRA, FIXED_LENGTHS, LENGTH_SLOT, SYMBOL_EXTRA } from "../memory";

// RFC 1951 §3.2.5: 256 literals, end of block, 29 length symbols; 30 distance symbols.
export const SYMBOLS: u32 = 288;
export const DISTANCES: u32 = 32;
export const END_OF_BLOCK: u32 = 256;
export const FIRST_LENGTH: u32 = 257;
export const MIN_MATCH: u32 = 3;
export const MAX_MATCH: u32 = 258;
export const WINDOW: u32 = 32768;

/** Distance symbol of a distance less one: both grow by two symbols per doubling (RFC 1951 §3.2.5). */
export function distanceSlot(distance1: u32): u32 {
  const top = 31 - clz(distance1 | 1);
  return select<u32>(2 * top + ((distance1 >>> (top - 1)) & 1), distance1, distance1 > 1);
}

/** First distance, less one, of a distance symbol. */
export function distanceBase(slot: u32): u32 {
  return slot < 4 ? slot : (2 + (slot & 1)) << ((slot >>> 1) - 1);
}

/** Fills the constant tables. */
export function initSymbols(): void {
  // RFC 1951 §3.2.5: lengths 3…10 have a symbol each, then four symbols per extra bit; 258 has its own.
  for (let length: u32 = 0; length < 256; length++) {
    let slot = length;
    if (length >= 8) {
      const extra = 31 - clz(length) - 2;
      slot = 4 * extra + (length >>> extra);
    }
    store<u8>(LENGTH_SLOT + length, length === 255 ? 28 : slot);
  }
  memory.fill(SYMBOL_EXTRA, 0, SYMBOLS);
  for (let slot: u32 = 8; slot < 28; slot++) store<u8>(SYMBOL_EXTRA + FIRST_LENGTH + slot, (slot >>> 2) - 1);
  memory.fill(DISTANCE_EXTRA, 0, DISTANCES);
  for (let slot: u32 = 4; slot < 30; slot++) store<u8>(DISTANCE_EXTRA + slot, (slot >>> 1) - 1);
  // RFC 1951 §3.2.6.
  memory.fill(FIXED_LENGTHS, 8, 144);
  memory.fill(FIXED_LENGTHS + 144, 9, 112);
  memory.fill(FIXED_LENGTHS + 256, 7, 24);
  memory.fill(FIXED_LENGTHS + 280, 8, 8);
  memory.fill(FIXED_LENGTHS + SYMBOLS, 5, DISTANCES);
}

/** First length, less three, of a length slot. */
export function lengthBase(slot: u32): u32 {
  if (slot < 8) return slot;
  if (slot === 28) return 255;
  const extra = (slot >>> 2) - 1;
  return (4 + (slot & 3)) << extra;
}
