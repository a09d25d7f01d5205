import { MAX_MATCH, WINDOW } from "../deflate/symbols";
import { HEADS3, HEADS3_BITS, INPUT, ROW_BITS, ROWS } from "../memory";
import { extend } from "./match";

// The match finder of the lazy parse: a table of 64-byte rows, one cache line each, chosen by a hash of 4 bytes.
//   bytes  0–15  one-byte tags (further hash bits), newest first
//   bytes 16–47  the low 16 bits of addresses, in the same order
// An insertion shifts the vectors by one lane; a search compares the 16 tags at once and visits the
// positions whose tag fits, newest first. Against a chain, the candidates do not hang on one another, so
// the processor fetches them side by side. Stale entries need no cleaning: a candidate is whatever lies
// at the distance modulo 65536, and only its bytes decide.

/** Knuth's multiplicative hash: 2^32 / golden ratio. */
const HASH_FACTOR: u32 = 0x9e3779b1;
/** Entries of a tag in a row from which on older ones are taken to be lost. */
const CROWDED: u32 = 3;
const ROW_SHIFT: u32 = 32 - ROW_BITS;

/** Hash of 4 bytes: the row in the high bits, the tag in the 8 below. */
export function hash4(word: u32): u32 {
  return word * HASH_FACTOR;
}

/** Address of the newest position (its low 16 bits) whose first 3 bytes hash like those of `word`. */
export function hash3(word: u32): usize {
  return HEADS3 + ((((word << 8) * HASH_FACTOR) >>> (32 - HEADS3_BITS)) << 1);
}

export function rowOf(hash: u32): usize {
  return ROWS + ((hash >>> ROW_SHIFT) << 6);
}

export function tagOf(hash: u32): u32 {
  return (hash >>> (ROW_SHIFT - 8)) & 255;
}

/** Lanes of a row with this tag, a bit each. */
function lanesWith(row: usize, tag: u32): u32 {
  return i8x16.bitmask(i8x16.eq(v128.load(row), i8x16.splat(<u8>tag)));
}

/**
 * Enters an address as the newest of its row. Each shuffle takes consecutive lanes of two vectors, which is one
 * instruction; a lane replaced after a shift takes six.
 */
export function insert(row: usize, tag: u32, at: usize): void {
  const tags = v128.load(row);
  const low = v128.load(row, 16);
  const high = v128.load(row, 32);
  const newest = i8x16.splat(<u8>tag);
  v128.store(row, v128.shuffle<u8>(newest, tags, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30));
  v128.store(row, v128.shuffle<u16>(i16x8.splat(<u16>at), low, 7, 8, 9, 10, 11, 12, 13, 14), 16);
  v128.store(row, v128.shuffle<u16>(low, high, 7, 8, 9, 10, 11, 12, 13, 14), 32);
}

/**
 * The longest match at `at` that is longer than `bar`, or one of at least `nice`. Gives
 * length << 16 | distance − 1, or 0. Reads up to `nice` + 8 bytes past `stop`.
 *
 * A match longer than the longest so far holds both the 4 bytes at `at` and the 4 bytes that end one past
 * it. The search asks the rows of both and walks the one with fewer entries: common beginnings (zeros,
 * indentation) have rare continuations, so few candidates are looked at and 16 reach far back.
 * @param first the 4 bytes at `at`, whose row and tag are given
 * @param bar at least 3
 * @param window largest distance, up to 65535
 * @param limit longest match, up to 65535
 */
export function search(
  at: usize,
  stop: usize,
  first: u32,
  row: usize,
  tag: u32,
  bar: u32,
  nice: u32,
  window: usize,
  limit: u32,
): u32 {
  let found: u32 = 0;
  let longest = bar;
  let beginnings = lanesWith(row, tag);
  while (beginnings !== 0 && longest < nice) {
    const offset = longest - 3;
    const word = load<u32>(at + offset);
    let lanes = beginnings;
    let walked = row;
    let from = at - 1;
    if (offset !== 0) {
      const hash = hash4(word);
      const endRow = rowOf(hash);
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
      const distance1 = (from - <usize>load<u16>(walked + ((<usize>ctz(lanes)) << 1), 16)) & 0xffff;
      lanes &= lanes - 1;
      if (load<u32>(ending - distance1) !== word) continue;
      if (distance1 >= min<usize>(window, at - INPUT) || load<u32>(at - 1 - distance1) !== first) continue;
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

/**
 * Writes ever longer matches at `at` to `list`, each length << 16 | distance − 1, from 4 bytes up, and
 * returns the end of the list. First come those of the row, the newest being the nearest; then, where the
 * row has many entries and so may have lost some, longer ones by their endings, as in `search`. Ends at a
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
      const distance1 = (from - <usize>load<u16>(walked + ((<usize>ctz(lanes)) << 1), 16)) & 0xffff;
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
    const hash = hash4(load<u32>(at + longest - 3));
    walked = rowOf(hash);
    lanes = lanesWith(walked, tagOf(hash));
    from = at - 4 + longest;
  }
  return end;
}
