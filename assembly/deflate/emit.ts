import { LITERALS_ONLY } from "../inline/records";
import {
  DISTANCE_CODES,
  DISTANCE_EXTRA,
  FIXED_LENGTHS,
  INPUT,
  LENGTH_CODES,
  LENGTH_SLOT,
  SYMBOL_CODES,
  SYMBOL_EXTRA,
} from "../memory";
import { alignBits, bitBuffer, bitCount, bitOutput, putBits, setBits } from "./bit-writer";
import { CHUNK_LENGTHS, CHUNK_RECORD, CHUNK_START, CHUNK_TYPE } from "./chunks";
import { planHeader, putHeader } from "./header";
import { assignCodes } from "./huffman";
import { DYNAMIC, STORED, STORED_MAX } from "./plan";
import { blockSlot } from "./split";
import { DISTANCES, distanceBase, distanceSlot, END_OF_BLOCK, FIRST_LENGTH, lengthBase, SYMBOLS } from "./symbols";

/** Writes the planned blocks; the bit writer must stand at the output. */
export function emit(blocks: u32): void {
  for (let i: u32 = 0; i < blocks; i++) {
    const slot = blockSlot(i);
    const next = blockSlot(i + 1);
    const last: u32 = i + 1 === blocks ? 1 : 0;
    const type = load<u32>(slot, CHUNK_TYPE);
    if (type === STORED) {
      const start = load<u32>(slot, CHUNK_START);
      putStored(start, load<u32>(next, CHUNK_START) - start, last);
      continue;
    }
    putBits(last | (type << 1), 3);
    let lengths = FIXED_LENGTHS;
    if (type === DYNAMIC) {
      lengths = slot + CHUNK_LENGTHS;
      planHeader(lengths);
      putHeader();
    }
    assignCodes(lengths, SYMBOLS, SYMBOL_CODES);
    assignCodes(lengths + SYMBOLS, DISTANCES, DISTANCE_CODES);
    assignLengthCodes();
    assignDistanceCodes();
    putRecords(load<u32>(slot, CHUNK_RECORD), load<u32>(next, CHUNK_RECORD), INPUT + load<u32>(slot, CHUNK_START));
    const end = load<u32>(SYMBOL_CODES + (END_OF_BLOCK << 2));
    putBits(end & 0xffffff, end >>> 24);
  }
  alignBits();
}

function putStored(start: u32, size: u32, last: u32): void {
  let from = INPUT + start;
  let left = size;
  do {
    const piece = min(left, STORED_MAX);
    left -= piece;
    putBits(left === 0 ? last : 0, 3);
    alignBits();
    putBits(piece | (~piece << 16), 32);
    memory.copy(bitOutput, from, piece);
    setBits(bitOutput + piece, 0, 0);
    from += piece;
  } while (left > 0);
}

/** A code per match length with its extra bits in place: one load per match instead of three. */
function assignLengthCodes(): void {
  for (let length3: u32 = 0; length3 < 256; length3++) {
    const slot = <u32>load<u8>(LENGTH_SLOT + length3);
    const code = load<u32>(SYMBOL_CODES + ((FIRST_LENGTH + slot) << 2));
    const bits = code >>> 24;
    const extra = <u32>load<u8>(SYMBOL_EXTRA + FIRST_LENGTH + slot);
    const value = (code & 0xffffff) | ((length3 - lengthBase(slot)) << bits);
    store<u32>(LENGTH_CODES + (length3 << 2), value | ((bits + extra) << 24));
  }
}

/** Per distance symbol: code, its bits from bit 16 on, and from bit 24 on its bits and the extra ones together. */
function assignDistanceCodes(): void {
  for (let slot: u32 = 0; slot < DISTANCES; slot++) {
    const code = load<u32>(DISTANCE_CODES + (slot << 2));
    const bits = code >>> 24;
    const extra = <u32>load<u8>(DISTANCE_EXTRA + slot);
    store<u32>(DISTANCE_CODES + (slot << 2), (code & 0xffff) | (bits << 16) | ((bits + extra) << 24));
  }
}

/**
 * The hot loop. After a flush at most 7 bits wait, so three literals (45 bits) or one match
 * (15 + 5 + 15 + 13 = 48 bits) fit in front of the next. The last literals of a run are no loop: how many
 * they are is as good as random, and the processor would guess it wrong once per record. Reads up to 3 bytes past
 * the input.
 */
function putRecords(from: usize, to: usize, input: usize): void {
  let buffer = bitBuffer;
  let count = <u64>bitCount;
  let out = bitOutput;
  let literal = input;
  for (let at = from; at < to; at += 4) {
    const record = load<u32>(at);
    const only = record & LITERALS_ONLY;
    let left = only ? record ^ LITERALS_ONLY : record >>> 23;
    while (left > 3) {
      const a = load<u32>(SYMBOL_CODES + ((<usize>load<u8>(literal)) << 2));
      const b = load<u32>(SYMBOL_CODES + ((<usize>load<u8>(literal, 1)) << 2));
      const c = load<u32>(SYMBOL_CODES + ((<usize>load<u8>(literal, 2)) << 2));
      literal += 3;
      left -= 3;
      buffer |= (<u64>(a & 0xffffff)) << count;
      count += a >>> 24;
      buffer |= (<u64>(b & 0xffffff)) << count;
      count += b >>> 24;
      buffer |= (<u64>(c & 0xffffff)) << count;
      count += c >>> 24;
      store<u64>(out, buffer);
      out += <usize>(count >>> 3);
      buffer >>>= count & ~7;
      count &= 7;
    }
    const a = select<u32>(load<u32>(SYMBOL_CODES + ((<usize>load<u8>(literal)) << 2)), 0, left > 0);
    const b = select<u32>(load<u32>(SYMBOL_CODES + ((<usize>load<u8>(literal, 1)) << 2)), 0, left > 1);
    const c = select<u32>(load<u32>(SYMBOL_CODES + ((<usize>load<u8>(literal, 2)) << 2)), 0, left > 2);
    literal += left;
    buffer |= (<u64>(a & 0xffffff)) << count;
    count += a >>> 24;
    buffer |= (<u64>(b & 0xffffff)) << count;
    count += b >>> 24;
    buffer |= (<u64>(c & 0xffffff)) << count;
    count += c >>> 24;
    store<u64>(out, buffer);
    out += <usize>(count >>> 3);
    buffer >>>= count & ~7;
    count &= 7;
    if (only) continue;
    const length3 = (record >>> 15) & 255;
    literal += length3 + 3;
    const length = load<u32>(LENGTH_CODES + (length3 << 2));
    const distance1 = record & 0x7fff;
    const slot = distanceSlot(distance1);
    const distance = load<u32>(DISTANCE_CODES + (slot << 2));
    buffer |= (<u64>(length & 0xffffff)) << count;
    count += length >>> 24;
    buffer |=
      (<u64>(distance & 0xffff) | ((<u64>(distance1 - distanceBase(slot))) << ((distance >>> 16) & 15))) << count;
    count += distance >>> 24;
    store<u64>(out, buffer);
    out += <usize>(count >>> 3);
    buffer >>>= count & ~7;
    count &= 7;
  }
  setBits(out, buffer, <u32>count);
}
