import { DISTANCE_EXTRA, FIXED_LENGTHS, SYMBOL_EXTRA } from "../memory";
import { CHUNK_DISTANCES, CHUNK_LENGTHS, CHUNK_START, CHUNK_TYPE } from "./chunks";
import { planHeader } from "./header";
import { buildLengths } from "./huffman";
import { blockSlot } from "./split";
import { DISTANCES, SYMBOLS } from "./symbols";

export const STORED: u32 = 0;
export const FIXED: u32 = 1;
export const DYNAMIC: u32 = 2;

const MAX_CODE: u32 = 15;
/** Largest stored block (RFC 1951 §3.2.4). */
export const STORED_MAX: u32 = 65535;

/** Chooses codes and type of each block; returns the bits of all of them. */
export function plan(blocks: u32): u32 {
  let bits: u32 = 0;
  for (let i: u32 = 0; i < blocks; i++) {
    const size = load<u32>(blockSlot(i + 1), CHUNK_START) - load<u32>(blockSlot(i), CHUNK_START);
    bits = planBlock(blockSlot(i), size, bits);
  }
  return bits;
}

function planBlock(slot: usize, size: u32, bitsBefore: u32): u32 {
  const lengths = slot + CHUNK_LENGTHS;
  buildLengths(slot, SYMBOLS, MAX_CODE, lengths);
  buildLengths(slot + CHUNK_DISTANCES, DISTANCES, MAX_CODE, lengths + SYMBOLS);
  const dynamic = bitsBefore + 3 + planHeader(lengths) + dataBits(slot, lengths);
  const fixed = bitsBefore + 3 + dataBits(slot, FIXED_LENGTHS);
  const stored = storedBits(size, bitsBefore);
  let type = DYNAMIC;
  let bits = dynamic;
  if (fixed <= bits) {
    type = FIXED;
    bits = fixed;
  }
  if (stored <= bits) {
    type = STORED;
    bits = stored;
  }
  store<u32>(slot, type, CHUNK_TYPE);
  return bits;
}

function dataBits(slot: usize, lengths: usize): u32 {
  let bits: u32 = 0;
  for (let i: usize = 0; i < SYMBOLS; i++) {
    bits += load<u32>(slot + (i << 2)) * (<u32>load<u8>(lengths + i) + <u32>load<u8>(SYMBOL_EXTRA + i));
  }
  for (let i: usize = 0; i < DISTANCES; i++) {
    const cost = <u32>load<u8>(lengths + SYMBOLS + i) + <u32>load<u8>(DISTANCE_EXTRA + i);
    bits += load<u32>(slot + CHUNK_DISTANCES + (i << 2)) * cost;
  }
  return bits;
}

/** Stored pieces: 3 bits, up to the byte's end, two 16-bit lengths, the bytes. */
function storedBits(size: u32, bitsBefore: u32): u32 {
  let bits = bitsBefore;
  let left = size;
  do {
    const piece = min(left, STORED_MAX);
    bits = ((bits + 3 + 7) & ~7) + 32 + (piece << 3);
    left -= piece;
  } while (left > 0);
  return bits;
}
