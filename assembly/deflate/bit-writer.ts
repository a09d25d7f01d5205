// Bits go out from the low end of a 64-bit buffer (RFC 1951 §3.1.1). The hot loop in emit.ts keeps these
// in locals and puts them back.

export let bitBuffer: u64 = 0;
export let bitCount: u32 = 0;
export let bitOutput: usize = 0;

export function startBits(at: usize): void {
  setBits(at, 0, 0);
}

export function setBits(at: usize, buffer: u64, count: u32): void {
  bitOutput = at;
  bitBuffer = buffer;
  bitCount = count;
}

/** Appends up to 32 bits. Writes 8 bytes at the output, of which those past the count are scratch. */
export function putBits(value: u32, count: u32): void {
  const buffer = bitBuffer | ((<u64>value) << bitCount);
  const bits = bitCount + count;
  store<u64>(bitOutput, buffer);
  bitOutput += bits >>> 3;
  bitBuffer = buffer >>> (bits & ~7);
  bitCount = bits & 7;
}

/** Fills up the last byte with zero bits. */
export function alignBits(): void {
  if (bitCount > 0) putBits(0, 8 - bitCount);
}
