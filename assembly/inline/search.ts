import { INPUT } from "../memory";
import { extend } from "./match";
import { hashOf, lanesWith, positionOf, rowOf, tagOf } from "./rows";

/**
 * Bytes that rows are chosen by. Shorter matches are worth it when they are near, and the heads have the nearest;
 * rows by 4 bytes hold twice the candidates and forget what is further back.
 */
export const ROW_BYTES: u32 = 6;

/**
 * The longest match at `at` that is longer than `bar`, or one of at least `nice`. Gives
 * length << 16 | distance − 1, or 0. Reads up to `nice` + 8 bytes past `stop`.
 *
 * A match longer than the longest so far holds both the ROW_BYTES at `at` and those that end one past it.
 * The search asks the rows of both and walks the one with fewer entries: common beginnings (zeros,
 * indentation) have rare continuations, so few candidates are looked at and 16 reach far back.
 * @param row the row of the bytes at `at`, among 2^`bits`; the same with `tag`
 * @param bar at least ROW_BYTES − 1
 * @param window largest distance, up to 65535
 * @param limit longest match, up to 65535
 */
export function search(
  at: usize,
  stop: usize,
  row: usize,
  tag: u32,
  bits: u32,
  bar: u32,
  nice: u32,
  window: usize,
  limit: u32,
): u32 {
  let found: u32 = 0;
  let longest = bar;
  let beginnings = lanesWith(row, tag);
  while (beginnings !== 0 && longest < nice) {
    const offset = longest + 1 - ROW_BYTES;
    const bytes = load<u64>(at + offset);
    let lanes = beginnings;
    let walked = row;
    let from = at - 1;
    if (offset !== 0) {
      const hash = hashOf(bytes, ROW_BYTES);
      const endRow = rowOf(hash, bits);
      const endings = lanesWith(endRow, tagOf(hash));
      if (popcnt(endings) < popcnt(beginnings)) {
        lanes = endings;
        walked = endRow;
        from += offset;
      }
    }
    const ending = at + offset - 1;
    let improved = false;
    while (lanes !== 0) {
      const distance1 = (from - positionOf(walked, lanes)) & 0xffff;
      lanes &= lanes - 1;
      if ((load<u64>(ending - distance1) ^ bytes) << (64 - 8 * <u64>ROW_BYTES) !== 0) continue;
      if (distance1 >= min<usize>(window, at - INPUT)) continue;
      const length = extend(at - 1 - distance1, at, 0, min<u32>(limit, <u32>(stop - at)));
      if (length > longest) {
        longest = length;
        found = (length << 16) | <u32>distance1;
        improved = true;
        break;
      }
    }
    if (!improved) break;
    if (walked === row) beginnings = lanes;
  }
  return found;
}
