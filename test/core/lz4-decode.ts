/**
 * A plain decoder of the LZ4 block format, written from its description and sharing nothing with the
 * encoder. Checks what the format asks of a block's end too: the last five bytes are literals, and no
 * match begins in the last twelve.
 */
export function decodeLz4(block: Uint8Array, size: number): Uint8Array {
  const output = new Uint8Array(size);
  let at = 0;
  let end = 0;
  const next = (): number => {
    const byte = block[at++];
    if (byte === undefined) throw new Error(`block ends in a sequence, at ${at}`);
    return byte;
  };
  const count = (nibble: number): number => {
    let total = nibble;
    if (nibble === 15) {
      let more: number;
      do {
        more = next();
        total += more;
      } while (more === 255);
    }
    return total;
  };
  for (;;) {
    const token = next();
    const literals = count(token >> 4);
    if (at + literals > block.length || end + literals > size) throw new Error(`${literals} literals at ${at} overrun`);
    output.set(block.subarray(at, at + literals), end);
    at += literals;
    end += literals;
    if (at === block.length) {
      if (end !== size) throw new Error(`block gives ${end} bytes, not ${size}`);
      if (literals < 5) throw new Error(`the last sequence has ${literals} literals`);
      return output;
    }
    const distance = next() | (next() << 8);
    const length = 4 + count(token & 15);
    if (distance === 0 || distance > end) throw new Error(`distance ${distance} at ${end}`);
    if (end > size - 12) throw new Error(`a match begins ${size - end} bytes before the end`);
    if (end + length > size) throw new Error(`match of ${length} at ${end} overruns`);
    for (let i = 0; i < length; i++, end++) output[end] = output[end - distance] ?? 0;
  }
}
