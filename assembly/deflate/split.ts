import { entropyTerm } from "../inline/entropy";
import { LITERALS_ONLY } from "../inline/records";
import {
  CHUNK_SLOT,
  chunks,
  INPUT,
  LENGTH_SLOT,
  records,
  SPLIT_COST,
  SPLIT_GAIN,
  SPLIT_ORDER,
  ZERO_COUNTS,
} from "../memory";
import { distanceSlot, END_OF_BLOCK, FIRST_LENGTH, SYMBOLS } from "./symbols";

// A chunk's slot: u32[288] literal/length counts, u32[32] distance counts, u8[320] code lengths, then
export const CHUNK_DISTANCES: usize = 1152;
export const CHUNK_LENGTHS: usize = 1280;
/** First record and the byte of input where it begins; both u32. The next slot in order has the ends. */
export const CHUNK_RECORD: usize = 1600;
export const CHUNK_START: usize = 1604;
/** Block type of the plan (RFC 1951 §3.2.3). */
export const CHUNK_TYPE: usize = 1608;

const COUNTS: usize = 1280;

/**
 * Bits that a dynamic header costs whatever it holds, and per symbol in use. More than headers measure, since
 * small blocks flatter themselves and cost time: 180…260 and 2.8…3.6 give the same size within 0.02 %.
 */
const HEADER_BITS: f32 = 260;
const SYMBOL_BITS: f32 = 2.8;

/** Slot of the i-th block in the order that splitting left. */
export function blockSlot(index: u32): usize {
  return chunks + <usize>load<u16>(SPLIT_ORDER + (index << 1)) * CHUNK_SLOT;
}

/**
 * Counts the symbols of the records per chunk of at least `chunkSize` input bytes, then merges neighbours
 * while a shared code costs less than two. Returns the number of blocks; the order has one more entry,
 * which marks the end.
 */
export function split(end: usize, chunkSize: u32): u32 {
  const count = countChunks(end, chunkSize);
  for (let i: u32 = 0; i <= count; i++) store<u16>(SPLIT_ORDER + (i << 1), i);
  return mergeChunks(count);
}

function openChunk(index: u32, record: usize, start: u32): usize {
  const slot = chunks + <usize>index * CHUNK_SLOT;
  memory.fill(slot, 0, COUNTS);
  store<u32>(slot + (END_OF_BLOCK << 2), 1);
  store<u32>(slot, record, CHUNK_RECORD);
  store<u32>(slot, start, CHUNK_START);
  return slot;
}

function countChunks(end: usize, chunkSize: u32): u32 {
  let count: u32 = 0;
  let position: u32 = 0;
  let limit = chunkSize;
  let slot = openChunk(0, records, 0);
  for (let at = records; at < end; at += 4) {
    if (position >= limit) {
      slot = openChunk(++count, at, position);
      limit = position + chunkSize;
    }
    const record = load<u32>(at);
    const only = record & LITERALS_ONLY;
    const stop = position + (only ? record ^ LITERALS_ONLY : record >>> 23);
    for (; position < stop; position++) {
      const counter = slot + ((<usize>load<u8>(INPUT + position)) << 2);
      store<u32>(counter, load<u32>(counter) + 1);
    }
    if (only) continue;
    const length3 = (record >>> 15) & 255;
    const counter = slot + ((FIRST_LENGTH + <u32>load<u8>(LENGTH_SLOT + length3)) << 2);
    store<u32>(counter, load<u32>(counter) + 1);
    const distance = slot + CHUNK_DISTANCES + (distanceSlot(record & 0x7fff) << 2);
    store<u32>(distance, load<u32>(distance) + 1);
    position += length3 + 3;
  }
  // The end: no counts, just where the last chunk stops.
  openChunk(++count, end, position);
  return count;
}

function sumLanes(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + (i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3));
}

/** Estimated bits of a block with the counts of both slots together, extra bits left out. */
function blockCost(a: usize, b: usize): f32 {
  let bits: f32 = HEADER_BITS;
  let from: usize = 0;
  let to: usize = SYMBOLS << 2;
  for (let part = 0; part < 2; part++) {
    let sum = f32x4.splat(0);
    let total = i32x4.splat(0);
    let unused = i32x4.splat(0);
    for (let i = from; i < to; i += 16) {
      const counts = i32x4.add(v128.load(a + i), v128.load(b + i));
      total = i32x4.add(total, counts);
      unused = i32x4.add(unused, i32x4.eq(counts, i32x4.splat(0))); // −1 per lane
      sum = f32x4.add(sum, entropyTerm(counts));
    }
    bits += f32x4.extract_lane(entropyTerm(i32x4.splat(sumLanes(total))), 0);
    bits -= f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1);
    bits -= f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
    bits += SYMBOL_BITS * <f32>(<i32>((to - from) >>> 2) + sumLanes(unused));
    from = to;
    to = COUNTS;
  }
  return bits;
}

/** Gain of merging the i-th block with the next. */
function gainAt(index: u32): f32 {
  const apart = load<f32>(SPLIT_COST + (index << 2)) + load<f32>(SPLIT_COST + (index << 2), 4);
  return apart - blockCost(blockSlot(index), blockSlot(index + 1));
}

function mergeChunks(count: u32): u32 {
  let blocks = count;
  for (let i: u32 = 0; i < blocks; i++) store<f32>(SPLIT_COST + (i << 2), blockCost(blockSlot(i), ZERO_COUNTS));
  for (let i: u32 = 0; i + 1 < blocks; i++) store<f32>(SPLIT_GAIN + (i << 2), gainAt(i));
  while (blocks > 1) {
    let best: u32 = 0;
    let gain: f32 = -1e30;
    for (let i: u32 = 0; i + 1 < blocks; i++) {
      const other = load<f32>(SPLIT_GAIN + (i << 2));
      if (other > gain) {
        gain = other;
        best = i;
      }
    }
    if (gain < 0) break;
    const into = blockSlot(best);
    const from = blockSlot(best + 1);
    for (let i: usize = 0; i < COUNTS; i += 16) {
      v128.store(into + i, i32x4.add(v128.load(into + i), v128.load(from + i)));
    }
    store<u32>(into + (END_OF_BLOCK << 2), 1);
    store<f32>(
      SPLIT_COST + (best << 2),
      load<f32>(SPLIT_COST + (best << 2)) + load<f32>(SPLIT_COST + (best << 2), 4) - gain,
    );
    // Close the gap; the order's end mark moves along.
    const order = SPLIT_ORDER + (best << 1);
    memory.copy(order + 2, order + 4, (blocks - best - 1) << 1);
    const cost = SPLIT_COST + (best << 2);
    memory.copy(cost + 4, cost + 8, (blocks - best - 2) << 2);
    const gains = SPLIT_GAIN + (best << 2);
    if (best + 2 < blocks) memory.copy(gains, gains + 4, (blocks - best - 2) << 2);
    blocks--;
    if (best + 1 < blocks) store<f32>(SPLIT_GAIN + (best << 2), gainAt(best));
    if (best > 0) store<f32>(SPLIT_GAIN + ((best - 1) << 2), gainAt(best - 1));
  }
  return blocks;
}
