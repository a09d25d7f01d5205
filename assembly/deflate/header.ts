import { PRECODE_CODES, PRECODE_COUNTS, PRECODE_LENGTHS, PRECODE_SYMBOLS } from "../memory";
import { putBits } from "./bit-writer";
import { assignCodes, buildLengths } from "./huffman";
import { FIRST_LENGTH, SYMBOLS } from "./symbols";

// The header of a dynamic block (RFC 1951 §3.2.7): two lists of code lengths, run-length coded as one,
// in symbols that have a Huffman code of their own.

const PRECODE_SIZE: u32 = 19;
const PRECODE_LIMIT: u32 = 7;
/** Repeats the length before 3–6 times; 2 extra bits. */
const REPEAT: u32 = 16;
/** 3–10 zeros; 3 extra bits. */
const ZEROS: u32 = 17;
/** 11–138 zeros; 7 extra bits. */
const MANY_ZEROS: u32 = 18;

/** RFC 1951 §3.2.7: the order in which the lengths of the code length code are sent, so that trailing ones are zero. */
const PRECODE_ORDER: usize = memory.data<u8>([16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]);

let symbolLengths: u32 = 0;
let distanceLengths: u32 = 0;
let precodeLengths: u32 = 0;
let precodeEnd: usize = 0;

/**
 * Prepares the header for the code lengths at `lengths` (u8[288] literal/length, then u8[32] distance) and
 * returns its bits, without the three of the block type.
 */
export function planHeader(lengths: usize): u32 {
  symbolLengths = trim(lengths, SYMBOLS - 2, FIRST_LENGTH);
  distanceLengths = trim(lengths + SYMBOLS, 30, 1);
  memory.fill(PRECODE_COUNTS, 0, PRECODE_SIZE << 2);
  precodeEnd = PRECODE_SYMBOLS;
  // A run may span both lists, but that gains a bit or two at most: each is coded alone.
  codeLengths(lengths, symbolLengths);
  codeLengths(lengths + SYMBOLS, distanceLengths);

  buildLengths(PRECODE_COUNTS, PRECODE_SIZE, PRECODE_LIMIT, PRECODE_LENGTHS);
  completePrecode();
  precodeLengths = PRECODE_SIZE;
  while (precodeLengths > 4 && load<u8>(PRECODE_LENGTHS + load<u8>(PRECODE_ORDER + precodeLengths - 1)) === 0) {
    precodeLengths--;
  }
  let bits: u32 = 14 + 3 * precodeLengths;
  for (let symbol: u32 = 0; symbol < PRECODE_SIZE; symbol++) {
    const cost = <u32>load<u8>(PRECODE_LENGTHS + symbol) + extraBits(symbol);
    bits += load<u32>(PRECODE_COUNTS + (symbol << 2)) * cost;
  }
  return bits;
}

/** Writes the header that the last planHeader prepared. */
export function putHeader(): void {
  putBits(symbolLengths - 257, 5);
  putBits(distanceLengths - 1, 5);
  putBits(precodeLengths - 4, 4);
  for (let i: u32 = 0; i < precodeLengths; i++) putBits(load<u8>(PRECODE_LENGTHS + load<u8>(PRECODE_ORDER + i)), 3);
  assignCodes(PRECODE_LENGTHS, PRECODE_SIZE, PRECODE_CODES);
  for (let at = PRECODE_SYMBOLS; at < precodeEnd; at += 2) {
    const item = <u32>load<u16>(at);
    const symbol = item & 31;
    const code = load<u32>(PRECODE_CODES + (symbol << 2));
    const length = code >>> 24;
    putBits((code & 0xffffff) | ((item >>> 5) << length), length + extraBits(symbol));
  }
}

function trim(lengths: usize, size: u32, least: u32): u32 {
  let count = size;
  while (count > least && load<u8>(lengths + count - 1) === 0) count--;
  return count;
}

function extraBits(symbol: u32): u32 {
  if (symbol < REPEAT) return 0;
  return symbol === REPEAT ? 2 : symbol === ZEROS ? 3 : 7;
}

function put(symbol: u32, extra: u32): void {
  store<u16>(precodeEnd, symbol | (extra << 5));
  precodeEnd += 2;
  const count = PRECODE_COUNTS + (symbol << 2);
  store<u32>(count, load<u32>(count) + 1);
}

function codeLengths(lengths: usize, count: u32): void {
  let i: u32 = 0;
  while (i < count) {
    const length = <u32>load<u8>(lengths + i);
    let run: u32 = 1;
    while (i + run < count && load<u8>(lengths + i + run) === length) run++;
    i += run;
    if (length === 0) {
      for (; run >= 11; run -= min<u32>(run, 138)) put(MANY_ZEROS, min<u32>(run, 138) - 11);
      if (run >= 3) {
        put(ZEROS, run - 3);
        run = 0;
      }
    } else if (run >= 4) {
      put(length, 0);
      run--;
      for (; run >= 3; run -= min<u32>(run, 6)) put(REPEAT, min<u32>(run, 6) - 3);
    }
    for (; run > 0; run--) put(length, 0);
  }
}

/** zlib refuses a code length code with one symbol: it gets a second one that nothing uses. */
function completePrecode(): void {
  let used: u32 = 0;
  for (let symbol: u32 = 0; symbol < PRECODE_SIZE; symbol++) if (load<u8>(PRECODE_LENGTHS + symbol) !== 0) used++;
  if (used < 2) store<u8>(PRECODE_LENGTHS + (load<u8>(PRECODE_LENGTHS) === 0 ? 0 : 1), 1);
}
