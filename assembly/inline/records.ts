import { countMatch } from "./tally";

// A parse is a list of u32 records, each a run of literals and the match behind it:
//   bits 0–14 distance − 1, 15–22 length − 3, 23–30 literals in front, bit 31 clear
//   bit 31 set: literals only, their number in the other bits.
// Records cover the input without gaps; their literals are read from it.

/** Most literals that fit in front of a match. */
const RUN_MAX: u32 = 255;
/** Parses cut longer runs, so that a chunk of the splitter can end inside. */
export const RUN_CUT: u32 = 2048;
export const LITERALS_ONLY: u32 = 0x80000000;

/** Appends a match behind `run` literals, and counts its symbols, not the literals; returns the new end of the list. */
export function pushMatch(end: usize, run: u32, length: u32, distance1: u32): usize {
  countMatch(length, distance1);
  let at = end;
  let left = run;
  while (left > RUN_MAX) {
    const piece = min(left, RUN_CUT);
    store<u32>(at, LITERALS_ONLY | piece);
    at += 4;
    left -= piece;
  }
  store<u32>(at, distance1 | ((length - 3) << 15) | (left << 23));
  return at + 4;
}

/** Appends a run of literals, which may be empty and which the parse has counted. */
export function pushLiterals(end: usize, run: u32): usize {
  let at = end;
  let left = run;
  while (left > 0) {
    const piece = min(left, RUN_CUT);
    store<u32>(at, LITERALS_ONLY | piece);
    at += 4;
    left -= piece;
  }
  return at;
}
