import { extend } from "../inline/match";
import { INPUT, output, ROWS } from "../memory";
import {
  LAST_LITERALS,
  MATCH_MARGIN,
  MAX_MATCH,
  MIN_MATCH,
  putLastLiterals,
  putSequence,
  sequenceBound,
  WINDOW,
} from "./sequence";

// Greedy, over one address per 4-byte hash. A table of 16 KiB stays in the first-level cache, which is worth
// more here than fewer lost positions.

const TABLE_BITS: u32 = 12;
const HASH_FACTOR: u32 = 0x9e3779b1;
/** Literals in a row, as a power of two, after which a step grows by a byte. */
const STEP_LOG: u32 = 6;

function headOf(word: u32): usize {
  return ROWS + (((word * HASH_FACTOR) >>> (32 - TABLE_BITS)) << 2);
}

/** An LZ4 block of the input at `output`; returns its size, 0 where it is not smaller. */
export function lz4Fast(size: u32): u32 {
  if (size <= MATCH_MARGIN) return 0;
  memory.fill(ROWS, 0, 4 << TABLE_BITS);
  const stop = INPUT + size;
  const last = stop - MATCH_MARGIN;
  const matchStop = stop - LAST_LITERALS;
  const limit = output + size;
  let out = output;
  let runStart = INPUT;
  let at = INPUT;
  while (at < last) {
    const word = load<u32>(at);
    const head = headOf(word);
    const candidate = <usize>load<u32>(head);
    store<u32>(head, <u32>at);
    if (candidate < INPUT || at - candidate > WINDOW || load<u32>(candidate) !== word) {
      at += 1 + ((at - runStart) >>> STEP_LOG);
      continue;
    }
    let start = at;
    let from = candidate;
    const length = extend(candidate, at, MIN_MATCH, min<u32>(MAX_MATCH - 64, <u32>(matchStop - at)));
    at += length;
    // Steps may have passed the beginning of the match.
    while (start > runStart && from > INPUT && at - start < MAX_MATCH && load<u8>(start - 1) === load<u8>(from - 1)) {
      start--;
      from--;
    }
    if (out + sequenceBound(start - runStart) > limit) return 0;
    out = putSequence(out, runStart, <u32>(start - runStart), <u32>(at - start), <u32>(start - from));
    runStart = at;
    if (at < last) store<u32>(headOf(load<u32>(at - 2)), <u32>(at - 2));
  }
  if (out + sequenceBound(stop - runStart) > limit + 16) return 0;
  out = putLastLiterals(out, runStart, <u32>(stop - runStart));
  return out < limit ? <u32>(out - output) : 0;
}
