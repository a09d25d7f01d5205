import { HEADS3, HEADS3_BITS, ROWS } from "../memory";
import { extend } from "./match";

// The match finder: a table of 64-byte rows, one cache line each, chosen by a hash of 4 bytes.
//   bytes  0–15  one-byte tags (further hash bits), newest first
//   bytes 16–47  u16 positions, modulo 65536, in the same order
// An insertion shifts the vectors by one lane; a search compares the 16 tags at once and visits the
// positions whose tag fits, newest first. Against a chain, the candidates do not hang on one another, so
// the processor fetches them side by side. Stale positions need no cleaning: a candidate is whatever lies
// at the distance modulo 65536, and only its bytes decide.

/** Knuth's multiplicative hash: 2^32 / golden ratio. */
const HASH_FACTOR: u32 = 0x9e3779b1;

/** Hash of 4 bytes: the row in the high `bits` bits, the tag in the 8 below. */
export function hash4(word: u32): u32 {
  return word * HASH_FACTOR;
}

/** Address of the newest position (u16) whose first 3 bytes hash like those of `word`. */
export function hash3(word: u32): usize {
  return HEADS3 + ((((word << 8) * HASH_FACTOR) >>> (32 - HEADS3_BITS)) << 1);
}

export function rowOf(hash: u32, shift: u32): usize {
  return ROWS + ((hash >>> shift) << 6);
}

export function tagOf(hash: u32, shift: u32): u32 {
  return (hash >>> (shift - 8)) & 255;
}

/** Enters a position as the newest of its row. */
export function insert(row: usize, tag: u32, position: u32): void {
  const tags = v128.load(row);
  const low = v128.load(row, 16);
  const high = v128.load(row, 32);
  v128.store(
    row,
    i8x16.replace_lane(v128.shuffle<u8>(tags, tags, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14), 0, <u8>tag),
  );
  v128.store(row, i16x8.replace_lane(v128.shuffle<u16>(low, low, 0, 0, 1, 2, 3, 4, 5, 6), 0, <u16>position), 16);
  v128.store(row, v128.shuffle<u16>(low, high, 7, 8, 9, 10, 11, 12, 13, 14), 32);
}

/**
 * The longest match at `at` among the candidates of a row that is longer than `best`; of equal ones the
 * newest. Gives length << 16 | distance − 1, or 0.
 * @param reach distances allowed: bytes in front, at most the window
 * @param tries candidates to look at
 */
export function search(
  row: usize,
  tag: u32,
  at: usize,
  position: u32,
  reach: u32,
  best: u32,
  most: u32,
  nice: u32,
  tries: u32,
): u32 {
  let found: u32 = 0;
  let longest = best;
  let left = tries;
  let mask = i8x16.bitmask(i8x16.eq(v128.load(row), i8x16.splat(<u8>tag)));
  while (mask !== 0) {
    const lane = <usize>ctz(mask);
    mask &= mask - 1;
    const distance1 = (position - 1 - <u32>load<u16>(row + (lane << 1), 16)) & 0xffff;
    if (distance1 < reach) {
      const candidate = at - distance1 - 1;
      if (load<u32>(candidate + longest - 3) === load<u32>(at + longest - 3)) {
        const length = extend(candidate, at, 0, most);
        if (length > longest) {
          longest = length;
          found = (length << 16) | distance1;
          if (length >= nice) break;
        }
      }
      if (--left === 0) break;
    }
  }
  return found;
}
