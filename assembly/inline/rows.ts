import { HEADS3, HEADS3_BITS, HEADS4, HEADS4_BITS, ROWS } from "../memory";

// What the match finders remember: a table of 64-byte rows, one cache line each, chosen by a hash of some bytes.
//   bytes  0–15  one-byte tags (further hash bits), newest first
//   bytes 16–47  the low 16 bits of addresses, in the same order
// An insertion shifts the vectors by one lane; a search compares the 16 tags at once and visits the
// positions whose tag fits, newest first. Against a chain, the candidates do not hang on one another, so
// the processor fetches them side by side. Beside them, heads: the newest position alone, for 3 and for 4 bytes.
// Stale entries need no cleaning: a candidate is whatever lies at the distance modulo 65536, and only its
// bytes decide.

/** Knuth's multiplicative hash: 2^32 / golden ratio, and as many bits of it as a number here may have. */
const HASH_FACTOR: u32 = 0x9e3779b1;
const HASH_FACTOR_64: u64 = 0x9e3779b97f4a7;
/** Where the tag lies in a hash: below the row, of which there are up to 2^12. */
const TAG_SHIFT: u64 = 44;

/** Hash of the first `count` bytes of 8: the row in the high bits, the tag below. */
export function hashOf(bytes: u64, count: u32): u64 {
  return (bytes << (64 - 8 * <u64>count)) * HASH_FACTOR_64;
}

/** Address of the newest position (its low 16 bits) whose first 3 bytes hash like those of `word`. */
export function hash3(word: u32): usize {
  return HEADS3 + ((((word << 8) * HASH_FACTOR) >>> (32 - HEADS3_BITS)) << 1);
}

/** The same for all 4 bytes. */
export function head4(word: u32): usize {
  return HEADS4 + (((word * HASH_FACTOR) >>> (32 - HEADS4_BITS)) << 1);
}

/** The row of a hash among 2^`bits`. */
export function rowOf(hash: u64, bits: u32): usize {
  return ROWS + ((<usize>(hash >>> (64 - <u64>bits))) << 6);
}

export function tagOf(hash: u64): u32 {
  return <u32>(hash >>> TAG_SHIFT) & 255;
}

/** Lanes of a row with this tag, a bit each. */
export function lanesWith(row: usize, tag: u32): u32 {
  return i8x16.bitmask(i8x16.eq(v128.load(row), i8x16.splat(<u8>tag)));
}

/** What the first of `lanes` remembers. */
export function positionOf(row: usize, lanes: u32): usize {
  return <usize>load<u16>(row + ((<usize>ctz(lanes)) << 1), 16);
}

/**
 * Enters an address as the newest of its row. Each shuffle takes consecutive lanes of two vectors, which is one
 * instruction; a lane replaced after a shift takes six.
 */
export function insert(row: usize, tag: u32, at: usize): void {
  const tags = v128.load(row);
  const low = v128.load(row, 16);
  const high = v128.load(row, 32);
  const newest = i8x16.splat(<u8>tag);
  v128.store(row, v128.shuffle<u8>(newest, tags, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30));
  v128.store(row, v128.shuffle<u16>(i16x8.splat(<u16>at), low, 7, 8, 9, 10, 11, 12, 13, 14), 16);
  v128.store(row, v128.shuffle<u16>(low, high, 7, 8, 9, 10, 11, 12, 13, 14), 32);
}
