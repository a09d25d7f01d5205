import { entropyTerm } from "../inline/entropy";
import { CHUNK_SLOT, chunks, SPLIT_COST, SPLIT_GAIN, SPLIT_ORDER, ZERO_COUNTS } from "../memory";
import { COUNTS_SIZE, endChunks } from "./chunks";
import { END_OF_BLOCK, SYMBOLS } from "./symbols";

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
 * Makes blocks of the chunks of a parse whose records end at `end`: neighbours are merged while a shared code
 * costs less than two. Returns the number of blocks; the order has one more entry, which marks the end.
 */
export function split(end: usize, size: u32): u32 {
  const count = endChunks(end, size);
  for (let i: u32 = 0; i <= count; i++) store<u16>(SPLIT_ORDER + (i << 1), i);
  return mergeChunks(count);
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
    to = COUNTS_SIZE;
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
    for (let i: usize = 0; i < COUNTS_SIZE; i += 16) {
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
