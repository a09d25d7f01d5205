// LZ4 block format: sequences of a token (literal count in the high four bits, match length − 4 in the low
// four; 15 goes on in bytes that are added up, until one is not 255), the literals, a 16-bit distance and
// the rest of the match length. The last sequence has literals only.

export const MIN_MATCH: u32 = 4;
export const WINDOW: usize = 65535;
/** Matches are cut here; the format has no limit, our packing of a match does. */
export const MAX_MATCH: u32 = 65535;
/** The last bytes are literals, and no match begins in the last twelve: the format's end conditions. */
export const LAST_LITERALS: usize = 5;
export const MATCH_MARGIN: u32 = 12;

/** Most bytes that a sequence takes, its match's share aside. */
export function sequenceBound(run: usize): usize {
  return run + run / 255 + 16;
}

function putCount(at: usize, count: u32): usize {
  let out = at;
  let left = count;
  for (; left >= 255; left -= 255) store<u8>(out++, 255);
  store<u8>(out, left);
  return out + 1;
}

/** Copies in steps of 16 bytes, so up to 15 more than asked, on both sides. */
function copyLiterals(out: usize, from: usize, run: usize): usize {
  for (let i: usize = 0; i < run; i += 16) v128.store(out + i, v128.load(from + i));
  return out + run;
}

/** Writes literals and the match behind them; returns the new end. */
export function putSequence(at: usize, literals: usize, run: u32, length: u32, distance: u32): usize {
  const rest = length - MIN_MATCH;
  store<u8>(at, (min<u32>(run, 15) << 4) | min<u32>(rest, 15));
  let out = at + 1;
  if (run >= 15) out = putCount(out, run - 15);
  out = copyLiterals(out, literals, run);
  store<u16>(out, distance);
  out += 2;
  return rest >= 15 ? putCount(out, rest - 15) : out;
}

/** Writes the last sequence. */
export function putLastLiterals(at: usize, literals: usize, run: u32): usize {
  store<u8>(at, min<u32>(run, 15) << 4);
  let out = at + 1;
  if (run >= 15) out = putCount(out, run - 15);
  return copyLiterals(out, literals, run);
}
