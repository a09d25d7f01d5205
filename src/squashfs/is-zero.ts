const ZEROS = Buffer.alloc(1 << 20);

/** Whether a block (at most 1 MiB) holds nothing but zeros. */
export function isZero(bytes: Uint8Array): boolean {
  // Nearly all blocks end the question here; the rest is memcmp.
  if (bytes.length === 0) return true;
  if (bytes[0] !== 0 || bytes[bytes.length - 1] !== 0) return false;
  return ZEROS.compare(bytes, 0, bytes.length, 0, bytes.length) === 0;
}
