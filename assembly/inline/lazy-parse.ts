import { MAX_MATCH, WINDOW } from "../deflate/symbols";
import { INPUT, records } from "../memory";
import { extend } from "./match";
import { pushLiterals, pushMatch, RUN_CUT } from "./records";
import { hash3, hashOf, head4, insert, rowOf, tagOf } from "./rows";
import { ROW_BYTES, search } from "./search";
import { countLiteral, cutChunk } from "./tally";

/** How many times further, as a power of two; saves 0.2 % against none, and 3 to 6 do alike. */
const FARTHER_LOG: u32 = 4;

/**
 * Lazy parse: a match waits one position for a longer one. Writes records, returns their end. The tables
 * must be clear. A template: with constants the compiler folds them into the loop.
 * @param rowBits rows in use, as a power of two
 * @param nice a match this long is taken at once, and ends a search
 * @param far3 distance from which on a 3-byte match costs more than its literals
 */
export function lazyParse(size: u32, rowBits: u32, nice: u32, far3: u32): usize {
  const stop = INPUT + size;
  let end = records;
  let at = INPUT;
  let runStart = at;
  let held: u32 = 0; // match at the byte before: length << 16 | distance − 1
  while (at < stop) {
    const bytes = load<u64>(at);
    const word = <u32>bytes;
    const hash = hashOf(bytes, ROW_BYTES);
    const row = rowOf(hash, rowBits);
    const tag = tagOf(hash);
    const newest3 = hash3(word);
    const newest4 = head4(word);
    const bar = max<u32>(held >>> 16, ROW_BYTES - 1);
    let found = search(at, stop, row, tag, rowBits, bar, nice, WINDOW, MAX_MATCH);
    if (found === 0 && held >>> 16 < ROW_BYTES - 1) {
      // Both heads are looked at before the one branch: which of them fits is hard to guess.
      const left = <u32>(stop - at);
      const reach = <u32>min<usize>(WINDOW, at - INPUT);
      const near3 = <u32>(at - 1 - <usize>load<u16>(newest3)) & 0xffff;
      const near4 = <u32>(at - 1 - <usize>load<u16>(newest4)) & 0xffff;
      const fits4 = u32(load<u32>(at - 1 - near4) === word) & u32(near4 < reach) & u32(left >= 4);
      const same3 = u32((load<u32>(at - 1 - near3) ^ word) << 8 === 0);
      const fits3 = same3 & u32(near3 < min(far3, reach)) & u32(left >= 3) & u32(held === 0);
      if ((fits3 | fits4) !== 0) {
        if (fits4 !== 0) found = (extend(at - 1 - near4, at, 4, min(MAX_MATCH, left)) << 16) | near4;
        else found = (3 << 16) | near3;
        if (found >>> 16 <= held >>> 16) found = 0;
      }
    }
    // One more byte from much further back costs more than it gives.
    const gained = (found >>> 16) - (held >>> 16);
    if (gained === 1 && (found & 0xffff) >>> FARTHER_LOG > (held & 0xffff)) found = 0;
    store<u16>(newest3, at);
    store<u16>(newest4, at);
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
      const bytes = load<u64>(at);
      const hash = hashOf(bytes, ROW_BYTES);
      insert(rowOf(hash, rowBits), tagOf(hash), at);
      store<u16>(hash3(<u32>bytes), at);
      store<u16>(head4(<u32>bytes), at);
      at++;
    }
  }
  return pushLiterals(end, <u32>(stop - runStart));
}
