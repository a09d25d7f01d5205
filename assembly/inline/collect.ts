import { MAX_MATCH, WINDOW } from "../deflate/symbols";
import { INPUT, ROW_BITS } from "../memory";
import { extend } from "./match";
import { hashOf, lanesWith, positionOf, rowOf, tagOf } from "./rows";

/** Bytes that rows are chosen by: every match that is not a 3-byte one may be the cheapest. */
export const ROW_BYTES: u32 = 4;
/** Entries of a tag in a row from which on older ones are taken to be lost. */
const CROWDED: u32 = 3;

/**
 * Writes ever longer matches at `at` to `list`, each length << 16 | distance − 1, from 4 bytes up, and
 * returns the end of the list. First come those of the row, the newest being the nearest; then, where the
 * row has many entries and so may have lost some, longer ones by their endings, as in search.ts. Ends at a
 * match of at least `nice`.
 */
export function collect(at: usize, stop: usize, first: u32, row: usize, tag: u32, nice: u32, list: usize): usize {
  const most = min<u32>(MAX_MATCH, <u32>(stop - at));
  let end = list;
  let longest: u32 = 3;
  let lanes = lanesWith(row, tag);
  let byEndings = popcnt(lanes) > CROWDED;
  let walked = row;
  let from = at - 1;
  let atEndings = false;
  while (lanes !== 0) {
    let word = load<u32>(at + longest - 3);
    let improved = false;
    while (lanes !== 0) {
      const distance1 = (from - positionOf(walked, lanes)) & 0xffff;
      lanes &= lanes - 1;
      if (load<u32>(at - 1 - distance1 + longest - 3) !== word) continue;
      if (distance1 >= min<usize>(WINDOW, at - INPUT) || load<u32>(at - 1 - distance1) !== first) continue;
      const length = extend(at - 1 - distance1, at, 4, most);
      if (length <= longest) continue;
      longest = length;
      store<u32>(end, (length << 16) | <u32>distance1);
      end += 4;
      improved = true;
      if (length >= nice) return end;
      if (atEndings) break;
      word = load<u32>(at + longest - 3);
    }
    if (!byEndings || !improved) break;
    atEndings = true;
    const hash = hashOf(load<u32>(at + longest - 3), ROW_BYTES);
    walked = rowOf(hash, ROW_BITS);
    lanes = lanesWith(walked, tagOf(hash));
    from = at - 4 + longest;
  }
  return end;
}
