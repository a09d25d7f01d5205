import { MAX_MATCH, WINDOW } from "../deflate/symbols";
import { INPUT, ROW_BITS } from "../memory";
import { extend } from "./match";
import { hashOf, lanesWith, positionOf, rowOf, tagOf } from "./rows";

/** Bytes that rows are chosen by. Of 4-byte matches only the nearest can be the cheapest, and a head has that. */
export const ROW_BYTES: u32 = 5;
/** Entries of a tag in a row above which older ones are taken to be lost; 3 costs 4 % of time for 0.01 % of size. */
const CROWDED: u32 = 6;

/**
 * Writes ever longer matches at `at` to `list`, each length << 16 | distance − 1, from 4 bytes up, and
 * returns the end of the list. First comes that of `newest`, the position of a head of the first 4 bytes, then
 * those of the row, the newest being the nearest; then, where the row has many entries and so may have lost
 * some, longer ones by their endings, as in search.ts. Ends at a match of at least `nice`.
 */
export function collect(
  at: usize,
  stop: usize,
  first: u64,
  newest: usize,
  row: usize,
  tag: u32,
  nice: u32,
  list: usize,
): usize {
  const most = min<u32>(MAX_MATCH, <u32>(stop - at));
  const reach = min<usize>(WINDOW, at - INPUT);
  let end = list;
  let longest: u32 = ROW_BYTES - 1;
  const near = (at - 1 - newest) & 0xffff;
  if (load<u32>(at - 1 - near) === <u32>first && near < reach && most >= 4) {
    longest = extend(at - 1 - near, at, 4, most);
    store<u32>(end, (longest << 16) | <u32>near);
    end += 4;
    if (longest >= nice) return end;
  }
  let lanes = lanesWith(row, tag);
  let byEndings = popcnt(lanes) > CROWDED;
  let walked = row;
  let from = at - 1;
  let atEndings = false;
  while (lanes !== 0) {
    let bytes = load<u64>(at + longest + 1 - ROW_BYTES);
    // The head's match has an ending to ask for as well.
    let improved = !atEndings && end !== list;
    while (lanes !== 0) {
      const distance1 = (from - positionOf(walked, lanes)) & 0xffff;
      lanes &= lanes - 1;
      const other = load<u64>(at - distance1 + longest - ROW_BYTES);
      if ((other ^ bytes) << (64 - 8 * <u64>ROW_BYTES) !== 0 || distance1 >= reach) continue;
      const length = extend(at - 1 - distance1, at, 0, most);
      if (length <= longest) continue;
      longest = length;
      store<u32>(end, (length << 16) | <u32>distance1);
      end += 4;
      improved = true;
      if (length >= nice) return end;
      if (atEndings) break;
      bytes = load<u64>(at + longest + 1 - ROW_BYTES);
    }
    if (!byEndings || !improved) break;
    atEndings = true;
    const hash = hashOf(load<u64>(at + longest + 1 - ROW_BYTES), ROW_BYTES);
    walked = rowOf(hash, ROW_BITS);
    lanes = lanesWith(walked, tagOf(hash));
    from = at - ROW_BYTES + longest;
  }
  return end;
}
