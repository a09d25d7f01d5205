/** Whether `size` bytes are all zero. */
export function isZero(from: usize, size: usize): bool {
  let at = from;
  const end = from + size;
  for (; at + 64 <= end; at += 64) {
    const low = v128.or(v128.load(at), v128.load(at, 16));
    const high = v128.or(v128.load(at, 32), v128.load(at, 48));
    if (v128.any_true(v128.or(low, high))) return false;
  }
  for (; at < end; at++) if (load<u8>(at) !== 0) return false;
  return true;
}
