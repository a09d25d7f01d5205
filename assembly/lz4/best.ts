import { hash4, insert, rowOf, search, tagOf } from "../inline/rows";
import { INPUT, output, ROWS, ROWS_SIZE } from "../memory";
import {
  LAST_LITERALS,
  MATCH_MARGIN,
  MAX_MATCH,
  putLastLiterals,
  putSequence,
  sequenceBound,
  WINDOW,
} from "./sequence";

/** A match this long is taken at once, and ends a search. */
const NICE: u32 = 120;

/** High compression: the lazy parse of the deflate side, with LZ4's window and lengths. */
export function lz4Best(size: u32): u32 {
  if (size <= MATCH_MARGIN) return 0;
  memory.fill(ROWS, 0, ROWS_SIZE);
  const stop = INPUT + size;
  const last = stop - MATCH_MARGIN;
  const matchStop = stop - LAST_LITERALS;
  const limit = output + size;
  let out = output;
  let runStart = INPUT;
  let at = INPUT;
  let held: u32 = 0; // match at the byte before: length << 16 | distance − 1
  while (at < last || held !== 0) {
    let found: u32 = 0;
    let start = at++;
    if (start < last) {
      const word = load<u32>(start);
      const hash = hash4(word);
      const row = rowOf(hash);
      const tag = tagOf(hash);
      found = search(start, matchStop, word, row, tag, max<u32>(held >>> 16, 3), NICE, WINDOW, MAX_MATCH);
      insert(row, tag, start);
      if (found !== 0 && found >>> 16 < NICE) {
        held = found;
        continue;
      }
    }
    if (found === 0) {
      if (held === 0) continue;
      found = held;
      start--;
    }
    if (out + sequenceBound(start - runStart) > limit) return 0;
    out = putSequence(out, runStart, <u32>(start - runStart), found >>> 16, (found & 0xffff) + 1);
    runStart = start + (found >>> 16);
    held = 0;
    for (; at < runStart; at++) {
      const hash = hash4(load<u32>(at));
      insert(rowOf(hash), tagOf(hash), at);
    }
  }
  if (out + sequenceBound(stop - runStart) > limit + 16) return 0;
  out = putLastLiterals(out, runStart, <u32>(stop - runStart));
  return out < limit ? <u32>(out - output) : 0;
}
