import { pushLiterals, pushMatch, RUN_CUT } from "../inline/records";
import { hash3, hash4, insert, rowOf, search, tagOf } from "../inline/rows";
import { INPUT, records } from "../memory";
import { MAX_MATCH, WINDOW } from "./symbols";

/** A 3-byte match further back costs about as much as its literals. */
const FAR3: u32 = 4096;

/**
 * Lazy parse: a match waits one position for a better one. Writes records, returns their end.
 * @param nice a match this long is taken at once, and ends a search
 * @param tries candidates per search
 * @param rowBits log2 of the rows, which must be clear
 */
export function parseLazy(size: u32, nice: u32, tries: u32, rowBits: u32): usize {
  const shift = 32 - rowBits;
  let end = records;
  let position: u32 = 0;
  let runStart: u32 = 0;
  let held: u32 = 0; // match at position − 1: length << 16 | distance − 1
  while (position < size) {
    const at = INPUT + position;
    const word = load<u32>(at);
    const hash = hash4(word);
    const row = rowOf(hash, shift);
    const tag = tagOf(hash, shift);
    const head3 = hash3(word);
    const most = min(MAX_MATCH, size - position);
    const reach = min(WINDOW, position);
    let found = search(row, tag, at, position, reach, max<u32>(held >>> 16, 3), most, min(nice, most), tries);
    if (found === 0 && held === 0 && most >= 3) {
      const distance1 = (position - 1 - <u32>load<u16>(head3)) & 0xffff;
      if (distance1 < min(FAR3, reach) && (load<u32>(at - distance1 - 1) ^ word) << 8 === 0) {
        found = (3 << 16) | distance1;
      }
    }
    store<u16>(head3, position);
    insert(row, tag, position);
    let start = position++;
    if (found !== 0 && found >>> 16 < nice) {
      held = found;
      continue;
    }
    if (found === 0) {
      if (held === 0) {
        if (position - runStart >= RUN_CUT) {
          end = pushLiterals(end, position - runStart);
          runStart = position;
        }
        continue;
      }
      // Nothing better: the match of the position before stands.
      found = held;
      start--;
    }
    const stop = start + (found >>> 16);
    end = pushMatch(end, start - runStart, found >>> 16, (found & 0xffff) + 1);
    held = 0;
    runStart = stop;
    while (position < stop) {
      const word = load<u32>(INPUT + position);
      const hash = hash4(word);
      insert(rowOf(hash, shift), tagOf(hash, shift), position);
      store<u16>(hash3(word), position);
      position++;
    }
  }
  return pushLiterals(end, size - runStart);
}
