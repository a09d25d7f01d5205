const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;

/**
 * A numeric header field: octal digits (POSIX.1 pax, "ustar Interchange Format") or GNU's base-256 (GNU tar
 * manual, "Extensions to ustar": first bit set, two's complement, most significant byte first). Empty is 0,
 * NaN means neither form. Values past 2^53 come rounded, which only limit checks and clamps ever see.
 */
export function parseNumber(block: Uint8Array, start: number, size: number): number {
  const first = block[start]!;
  return first & 0x80 ? parseBase256(block, start, size) : parseOctal(block, start, size);
}

function parseOctal(block: Uint8Array, start: number, size: number): number {
  const end = start + size;
  let i = start;
  // Old tars pad on the left, with spaces or (seen from some writers) NULs.
  while (i < end && (block[i] === SPACE || block[i] === 0)) i++;
  let value = 0;
  for (; i < end; i++) {
    const digit = block[i]!;
    if (digit < ZERO || digit > SEVEN) break;
    value = value * 8 + (digit - ZERO);
  }
  // The digits end with a space, a NUL or the field; what stands behind a terminator is padding.
  if (i < end && block[i] !== SPACE && block[i] !== 0) return Number.NaN;
  return value;
}

function parseBase256(block: Uint8Array, start: number, size: number): number {
  const negative = (block[start]! & 0x40) !== 0;
  // Of a negative number the complement is summed, so that small ones stay exact: −x = ~x + 1.
  const flip = negative ? 0xff : 0;
  let value = (block[start]! ^ flip) & 0x3f;
  for (let i = start + 1; i < start + size; i++) value = value * 256 + (block[i]! ^ flip);
  return negative ? -value - 1 : value;
}
