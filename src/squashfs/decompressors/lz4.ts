import { DecompressError, type Decompressor } from "./decompressor.ts";

const MIN_MATCH = 4;

/** One LZ4 block without frame, as SquashFS stores it (lz4_Block_format.md of the lz4 project). */
export const lz4Decompressor: Decompressor = {
  decompress(input, limit) {
    const output = new Uint8Array(limit);
    return output.subarray(0, decodeLz4Block(input, output));
  },
};

/** Decodes into `output`; gives the number of bytes written. Every index is checked before it is used. */
export function decodeLz4Block(input: Uint8Array, output: Uint8Array): number {
  let from = 0;
  let to = 0;

  // A nibble of 15 goes on in bytes that add up, the last of them below 255.
  const longLength = (nibble: number): number => {
    let length = nibble;
    if (nibble !== 15) return length;
    for (;;) {
      const byte = input[from++];
      if (byte === undefined) throw new DecompressError("lz4: ends inside a length");
      length += byte;
      if (length > output.length) throw new DecompressError("lz4: larger than allowed");
      if (byte !== 255) return length;
    }
  };

  for (;;) {
    const token = input[from++];
    if (token === undefined) throw new DecompressError("lz4: ends inside a sequence");

    const literals = longLength(token >>> 4);
    if (from + literals > input.length) throw new DecompressError("lz4: ends inside literals");
    if (to + literals > output.length) throw new DecompressError("lz4: larger than allowed");
    output.set(input.subarray(from, from + literals), to);
    from += literals;
    to += literals;
    // The last sequence is literals only.
    if (from === input.length) return to;

    const low = input[from++];
    const high = input[from++];
    if (low === undefined || high === undefined) throw new DecompressError("lz4: ends inside an offset");
    const distance = low | (high << 8);
    if (distance === 0 || distance > to) throw new DecompressError("lz4: a match begins before the block");

    const length = longLength(token & 15) + MIN_MATCH;
    if (to + length > output.length) throw new DecompressError("lz4: larger than allowed");
    if (distance >= length) {
      output.copyWithin(to, to - distance, to - distance + length);
      to += length;
    } else {
      // The match repeats what it writes itself: byte by byte.
      for (const end = to + length; to < end; to++) output[to] = output[to - distance] as number;
    }
  }
}
