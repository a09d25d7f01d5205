import { adler32 } from "../hash/adler32";
import { CHUNK_SIZE, INPUT, INPUT_SLACK, output } from "../memory";
import { bitOutput, startBits } from "./bit-writer";
import { startChunks } from "./chunks";
import { emit } from "./emit";
import { parseFast } from "./fast";
import { isIncompressible } from "./incompressible";
import { parseLazy } from "./lazy";
import { gatherMatches, parseOptimal, parseSeed } from "./optimal";
import { plan } from "./plan";
import { takeSample } from "./sample";
import { split } from "./split";

/** Two bytes of header, four of Adler-32 (RFC 1950 §2.2). */
const FRAME: u32 = 6;

export const FAST: u32 = 0;
export const DEFAULT: u32 = 1;
export const BEST: u32 = 2;

/** Coarser splits cost the fast level 0.1 % of size and save it a tenth of its time. */
const FAST_CHUNK: u32 = 4 * CHUNK_SIZE;

/** Near-optimal parses, each with the statistics of the one before. */
const PASSES: i32 = 1;

/**
 * A zlib stream of the first `size` bytes of the input, at `output`. Returns its size, or 0 where it would
 * not be smaller than the input.
 */
export function zlib(size: u32, level: u32): u32 {
  if (size <= FRAME) return 0;
  takeSample(size);
  if (isIncompressible(size)) return 0;
  const blocks = parse(size, level);
  const bytes = FRAME + ((plan(blocks) + 7) >>> 3);
  if (bytes >= size) return 0;
  // RFC 1950 §2.2: deflate, 32 KiB window; the level is a hint that makes the 16 bits a multiple of 31.
  const flags: u32 = level === FAST ? 0x5e : level === DEFAULT ? 0x9c : 0xda;
  store<u16>(output, 0x78 | (flags << 8));
  startBits(output + 2);
  emit(blocks);
  store<u32>(bitOutput, bswap(adler32(1, INPUT, size)));
  return <u32>(bitOutput - output) + 4;
}

/** Writes records of the input and splits them into blocks; returns the number of blocks. */
function parse(size: u32, level: u32): u32 {
  // What finders read past the input, and what they remember, must not depend on the block before.
  memory.fill(INPUT + size, 0, INPUT_SLACK);
  const chunkSize = level === FAST ? FAST_CHUNK : CHUNK_SIZE;
  startChunks(chunkSize);
  if (level === FAST) return split(parseFast(size), size);
  if (level === DEFAULT) return split(parseLazy(size), size);
  gatherMatches(size);
  let blocks = split(parseSeed(size), size);
  for (let i = 0; i < PASSES; i++) {
    startChunks(chunkSize);
    blocks = split(parseOptimal(size, blocks), size);
  }
  return blocks;
}
