import { extend } from "../inline/match";
import { hashOf, head4, insert, rowOf, tagOf } from "../inline/rows";
import { ROW_BYTES, search } from "../inline/search";
import { HEADS4, HEADS4_BITS, INPUT, output, ROW_BITS, ROWS, ROWS_SIZE } from "../memory";
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
  memory.fill(HEADS4, 0, (<usize>2) << HEADS4_BITS);
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
      const bytes = load<u64>(start);
      const hash = hashOf(bytes, ROW_BYTES);
      const row = rowOf(hash, ROW_BITS);
      const tag = tagOf(hash);
      const head = head4(<u32>bytes);
      const bar = max<u32>(held >>> 16, ROW_BYTES - 1);
      found = search(start, matchStop, row, tag, ROW_BITS, bar, NICE, WINDOW, MAX_MATCH);
      if (found === 0 && held >>> 16 < ROW_BYTES - 1) {
        const distance1 = (start - 1 - <usize>load<u16>(head)) & 0xffff;
        if (load<u32>(start - 1 - distance1) === <u32>bytes && distance1 < min<usize>(WINDOW, start - INPUT)) {
          const length = extend(start - 1 - distance1, start, 4, min<u32>(MAX_MATCH, <u32>(matchStop - start)));
          if (length > held >>> 16) found = (length << 16) | <u32>distance1;
        }
      }
      store<u16>(head, start);
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
      const bytes = load<u64>(at);
      const hash = hashOf(bytes, ROW_BYTES);
      insert(rowOf(hash, ROW_BITS), tagOf(hash), at);
      store<u16>(head4(<u32>bytes), at);
    }
  }
  if (out + sequenceBound(stop - runStart) > limit + 16) return 0;
  out = putLastLiterals(out, runStart, <u32>(stop - runStart));
  return out < limit ? <u32>(out - output) : 0;
}
