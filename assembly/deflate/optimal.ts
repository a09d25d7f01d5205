import { log2 } from "../inline/entropy";
import { pushLiterals, pushMatch } from "../inline/records";
import { enterTree, ROOTS_SIZE } from "../inline/tree";
import {
  DISTANCE_COST,
  DISTANCE_EXTRA,
  HEADS3,
  HEADS3_BITS,
  INPUT,
  LENGTH_COST,
  LENGTH_SLOT,
  LITERAL_COST,
  MATCHES_PER_BYTE,
  matches,
  matchIndex,
  pathChoice,
  pathCost,
  ROWS,
  records,
  SYMBOL_EXTRA,
} from "../memory";
import { blockSlot, CHUNK_DISTANCES, CHUNK_START } from "./split";
import { distanceSlot, FIRST_LENGTH } from "./symbols";

// The near-optimal parse: all matches of all positions are gathered once; then the cheapest path through
// them is found backwards, with the costs of symbols in the blocks that an earlier parse was split into.

/** Tree nodes to visit per position: more finds little. */
const DEPTH: u32 = 48;
/** A match this long is taken whole; nothing is looked for inside. */
const NICE: u32 = 130;
/** Units of a bit: costs are fractions, since a Huffman code averages to them better than whole bits would. */
const BIT: f32 = 64;
const HASH_FACTOR: u32 = 0x9e3779b1;

/** Gathers the matches of all positions. */
export function gatherMatches(size: u32): void {
  memory.fill(ROWS, 0, ROOTS_SIZE);
  memory.fill(HEADS3, 0, (<usize>2) << HEADS3_BITS);
  const stop = INPUT + size;
  const limit = matches + MATCHES_PER_BYTE * 4 * <usize>size;
  let cursor = matches;
  let skipTo = INPUT;
  for (let at = INPUT; at < stop; at++) {
    const start = cursor;
    store<u32>(matchIndex + ((at - INPUT) << 2), <u32>cursor);
    const word = load<u32>(at);
    const head = HEADS3 + ((((word << 8) * HASH_FACTOR) >>> (32 - HEADS3_BITS)) << 1);
    const distance1 = (at - 1 - <usize>load<u16>(head)) & 0xffff;
    store<u16>(head, at);
    if (stop - at < 4) continue;
    if (at < skipTo) {
      enterTree(at, stop, DEPTH, NICE, cursor, cursor);
      continue;
    }
    // A later position keeps room for one match.
    const room = limit - (stop - at) * 4;
    if (cursor < room && distance1 < min<usize>(32768, at - INPUT)) {
      if ((load<u32>(at - 1 - distance1) ^ word) << 8 === 0) {
        store<u32>(cursor, (3 << 16) | <u32>distance1);
        cursor += 4;
      }
    }
    cursor = enterTree(at, stop, DEPTH, NICE, cursor, room);
    if (cursor > start) {
      const length = load<u32>(cursor - 4) >>> 16;
      if (length >= NICE) skipTo = at + length;
    }
  }
  store<u32>(matchIndex + ((stop - INPUT) << 2), <u32>cursor);
}

/** Finds the cheapest path for the costs of the current blocks and writes it as records; returns their end. */
export function parseOptimal(size: u32, blocks: u32): usize {
  store<u32>(pathCost + ((<usize>size) << 2), 0);
  let stop = size;
  for (let i = <i32>blocks - 1; i >= 0; i--) {
    const slot = blockSlot(i);
    setCosts(slot);
    const start = load<u32>(slot, CHUNK_START);
    findPath(start, stop);
    stop = start;
  }
  return writePath(size);
}

function setCosts(slot: usize): void {
  const literals = logTotal(slot, 288);
  for (let i: u32 = 0; i < 256; i++) store<u32>(LITERAL_COST + (i << 2), symbolCost(slot, i, literals));
  for (let length3: u32 = 0; length3 < 256; length3++) {
    const symbol = FIRST_LENGTH + <u32>load<u8>(LENGTH_SLOT + length3);
    const cost = symbolCost(slot, symbol, literals) + <u32>load<u8>(SYMBOL_EXTRA + symbol) * <u32>BIT;
    store<u32>(LENGTH_COST + (length3 << 2), cost, 12);
  }
  const distances = slot + CHUNK_DISTANCES;
  const total = logTotal(distances, 32);
  for (let i: u32 = 0; i < 30; i++) {
    const cost = symbolCost(distances, i, total) + <u32>load<u8>(DISTANCE_EXTRA + i) * <u32>BIT;
    store<u32>(DISTANCE_COST + (i << 2), cost);
  }
}

function logTotal(counts: usize, size: usize): f32 {
  let total: u32 = 0;
  for (let i: usize = 0; i < size; i++) total += load<u32>(counts + (i << 2));
  return log2(<f32>max<u32>(total, 1));
}

/** A symbol that the earlier parse did not use may still pay: it costs as if it stood there half a time. */
function symbolCost(counts: usize, symbol: u32, total: f32): u32 {
  const count = load<u32>(counts + (symbol << 2));
  const bits = total - (count > 0 ? log2(<f32>count) : -1);
  return <u32>(max<f32>(bits, 0.05) * BIT + 0.5);
}

function findPath(start: u32, stop: u32): void {
  for (let i = <i32>stop - 1; i >= <i32>start; i--) {
    const costs = pathCost + ((<usize>i) << 2);
    let best = load<u32>(costs, 4) + load<u32>(LITERAL_COST + ((<usize>load<u8>(INPUT + i)) << 2));
    let choice: u32 = 0;
    const end = <usize>load<u32>(matchIndex + ((<usize>i) << 2), 4);
    let length: usize = 3;
    for (let at = <usize>load<u32>(matchIndex + ((<usize>i) << 2)); at < end; at += 4) {
      const match = load<u32>(at);
      const distance1 = match & 0xffff;
      const base = load<u32>(DISTANCE_COST + (distanceSlot(distance1) << 2));
      const last = <usize>(match >>> 16);
      for (; length <= last; length++) {
        const cost = base + load<u32>(LENGTH_COST + (length << 2)) + load<u32>(costs + (length << 2));
        if (cost < best) {
          best = cost;
          choice = ((<u32>length) << 16) | distance1;
        }
      }
    }
    store<u32>(costs, best);
    store<u32>(pathChoice + ((<usize>i) << 2), choice);
  }
}

function writePath(size: u32): usize {
  let end = records;
  let run: u32 = 0;
  for (let i: u32 = 0; i < size; ) {
    const choice = load<u32>(pathChoice + (i << 2));
    if (choice === 0) {
      run++;
      i++;
      continue;
    }
    end = pushMatch(end, run, choice >>> 16, choice & 0xffff);
    i += choice >>> 16;
    run = 0;
  }
  return pushLiterals(end, run);
}
