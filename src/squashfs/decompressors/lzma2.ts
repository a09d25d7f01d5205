import { DecompressError } from "./decompressor.ts";
import { LzmaDecoder } from "./lzma-decoder.ts";

const END = 0x00;
const STORED_RESET = 0x01;
const STORED = 0x02;
const LZMA = 0x80;

/** What an LZMA chunk's control byte resets, in its bits 5 and 6. */
const Reset = { nothing: 0, state: 1, properties: 2, dictionary: 3 } as const;

/**
 * Decodes LZMA2 chunks from `input` at `offset` up to the end marker, into `output`.
 * Control bytes: xz's lzma2_decoder.c is their only description.
 */
export function decodeLzma2(
  input: Uint8Array,
  offset: number,
  output: Uint8Array,
): { readonly nextOffset: number; readonly size: number } {
  const decoder = new LzmaDecoder(output);
  let needsDictionary = true;
  let needsProperties = true;
  let needsState = true;
  let next = offset;
  const take = (size: number): Uint8Array => {
    if (next + size > input.length) throw new DecompressError("xz: ends inside a chunk");
    next += size;
    return input.subarray(next - size, next);
  };
  const u16 = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

  for (;;) {
    const control = take(1)[0] as number;
    if (control === END) return { nextOffset: next, size: decoder.position };
    const reset = control >= LZMA ? (control >> 5) & 3 : control === STORED_RESET ? Reset.dictionary : Reset.nothing;
    if (reset === Reset.dictionary) {
      needsDictionary = false;
      decoder.dictionaryStart = decoder.position;
    } else if (needsDictionary) {
      throw new DecompressError("xz: begins without a dictionary reset");
    }
    if (control < LZMA) {
      if (control > STORED) throw new DecompressError("xz: unknown kind of chunk");
      decoder.copy(take(u16(take(2), 0) + 1));
      continue;
    }
    const sizes = take(4);
    const size = ((control & 0x1f) << 16) + u16(sizes, 0) + 1;
    const diskSize = u16(sizes, 2) + 1;
    if (reset >= Reset.properties) {
      needsProperties = false;
      decoder.setProperties(take(1)[0] as number);
    }
    if (reset >= Reset.state) {
      needsState = false;
      decoder.resetState();
    }
    if (needsProperties || needsState) throw new DecompressError("xz: begins without a state reset");
    decoder.decodeChunk(take(diskSize), size);
  }
}
