// A parse is a list of u32 records, each a run of literals and the match behind it:
//   bits 0–14 distance − 1, 15–22 length − 3, 23–30 literals in front, bit 31 clear
//   bit 31 set: literals only, their number in the other bits.
// Records cover the input without gaps; their literals are read from it.

/** Most literals that fit in front of a match. */
export const RUN_MAX: u32 = 255;
export const LITERALS_ONLY: u32 = 0x80000000;
/** Literal runs are cut here, so that a chunk of the splitter can end. */
export const RUN_CUT: u32 = 2048;

/** Appends a match behind `run` literals; returns the new end of the list. */
export function pushMatch(end: usize, run: u32, length: u32, distance: u32): usize {
  let at = end;
  let literals = run;
  if (literals > RUN_MAX) {
    store<u32>(at, LITERALS_ONLY | literals);
    at += 4;
    literals = 0;
  }
  store<u32>(at, (distance - 1) | ((length - 3) << 15) | (literals << 23));
  return at + 4;
}

/** Appends a run of literals, which may be empty. */
export function pushLiterals(end: usize, run: u32): usize {
  if (run === 0) return end;
  store<u32>(end, LITERALS_ONLY | run);
  return end + 4;
}
