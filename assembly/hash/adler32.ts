// RFC 1950 §8.2. Sixteen bytes a step: `a` grows by their sum, `b` by 16 times the `a` before and by the
// sum weighted 16…1.

const MODULUS: u32 = 65521;
/**
 * Bytes between two reductions. The lanes of `b` sum up to 16 · 255 · n²/2 over n steps plus the start
 * values; 5552, the largest count that fits 32 bits (RFC 1950 §9), rounded down to whole steps.
 */
const PIECE: usize = 5552;

/** Continues a checksum (1 to begin) over `size` bytes. */
export function adler32(checksum: u32, from: usize, size: usize): u32 {
  let a = checksum & 0xffff;
  let b = checksum >>> 16;
  let at = from;
  let left = size;
  const highWeights = i16x8(16, 15, 14, 13, 12, 11, 10, 9);
  const lowWeights = i16x8(8, 7, 6, 5, 4, 3, 2, 1);
  while (left >= 16) {
    const piece = min(left, PIECE) & ~15;
    const stop = at + piece;
    let sums = i32x4(a, 0, 0, 0);
    let before = i32x4.splat(0); // Σ of `a` in front of each step
    let weighted = i32x4(b, 0, 0, 0);
    for (; at < stop; at += 16) {
      const bytes = v128.load(at);
      before = i32x4.add(before, sums);
      sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_u(i16x8.extadd_pairwise_i8x16_u(bytes)));
      weighted = i32x4.add(weighted, i32x4.dot_i16x8_s(i16x8.extend_low_i8x16_u(bytes), highWeights));
      weighted = i32x4.add(weighted, i32x4.dot_i16x8_s(i16x8.extend_high_i8x16_u(bytes), lowWeights));
    }
    a = sumLanes(sums) % MODULUS;
    b = sumLanes(i32x4.add(weighted, i32x4.shl(before, 4))) % MODULUS;
    left -= piece;
  }
  for (; left > 0; left--) {
    a += load<u8>(at++);
    b += a;
  }
  return ((b % MODULUS) << 16) | (a % MODULUS);
}

function sumLanes(v: v128): u32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}
