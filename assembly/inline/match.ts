/**
 * Length of the common run of bytes at `a` and `b`, at most `most`, given that the first `known` are equal.
 * Reads up to 8 bytes past `b + most`.
 */
export function extend(a: usize, b: usize, known: u32, most: u32): u32 {
  let length = known;
  while (length < most) {
    const difference = load<u64>(a + length) ^ load<u64>(b + length);
    if (difference !== 0) {
      length += <u32>(ctz(difference) >>> 3);
      break;
    }
    length += 8;
  }
  return min(length, most);
}
