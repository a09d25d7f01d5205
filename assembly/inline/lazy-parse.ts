import { MAX_MATCH, WINDOW } from "../deflate/symbols";
import { INPUT, records } from "../memory";
import { pushLiterals, pushMatch, RUN_CUT } from "./records";
import { hash3, hash4, insert, rowOf, search, tagOf } from "./rows";
import { countLiteral, cutChunk } from "./tally";

/** A 3-byte match further back costs about as much as its literals. */
const FAR3: usize = 4096;
/** How many times further, as a power of two; saves 0.2 % against none, and 3 to 6 do alike. */
const FARTHER_LOG: u32 = 4;

/**
 * Lazy parse: a match waits one position for a longer one. Writes records, returns their end. The tables
 * must be clear. A template: with a constant `nice` the compiler folds it into the loop.
 * @param nice a match this long is taken at once, and ends a search
 */
export function lazyParse(size: u32, nice: u32): usize {
  const stop = INPUT + size;
  let end = records;
  let at = INPUT;
  let runStart = at;
  let held: u32 = 0; // match at the byte before: length << 16 | distance − 1
  while (at < stop) {
    const word = load<u32>(at);
    const hash = hash4(word);
    const row = rowOf(hash);
    const tag = tagOf(hash);
    const head3 = hash3(word);
    let found = search(at, stop, word, row, tag, max<u32>(held >>> 16, 3), nice, WINDOW, MAX_MATCH);
    if ((found | held) === 0) {
      const distance1 = (at - 1 - <usize>load<u16>(head3)) & 0xffff;
      if (distance1 < min(FAR3, at - INPUT) && (load<u32>(at - 1 - distance1) ^ word) << 8 === 0 && stop - at >= 3) {
        found = (3 << 16) | <u32>distance1;
      }
    }
    // One more byte from much further back costs more than it gives.
    const gained = (found >>> 16) - (held >>> 16);
    if (gained === 1 && (found & 0xffff) >>> FARTHER_LOG > (held & 0xffff)) found = 0;
    store<u16>(head3, at);
    insert(row, tag, at);
    let start = at++;
    if (found !== 0) {
      // A match that waited for this one leaves its first byte behind.
      countLiteral(load<u8>(start - 1), u32(held !== 0));
      if (found >>> 16 < nice) {
        held = found;
        continue;
      }
    } else if (held !== 0) {
      // Nothing longer: the match of the byte before stands.
      found = held;
      start--;
    } else {
      countLiteral(word & 255, 1);
      if (at - runStart < RUN_CUT) continue;
      end = pushLiterals(end, <u32>(at - runStart));
      runStart = at;
      cutChunk(end, <u32>(at - INPUT));
      continue;
    }
    end = pushMatch(end, <u32>(start - runStart), found >>> 16, found & 0xffff);
    runStart = start + (found >>> 16);
    cutChunk(end, <u32>(runStart - INPUT));
    held = 0;
    while (at < runStart) {
      const word = load<u32>(at);
      const hash = hash4(word);
      insert(rowOf(hash), tagOf(hash), at);
      store<u16>(hash3(word), at);
      at++;
    }
  }
  return pushLiterals(end, <u32>(stop - runStart));
}
