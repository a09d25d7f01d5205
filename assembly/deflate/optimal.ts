import { collect, ROW_BYTES } from "../inline/collect";
import { log2 } from "../inline/entropy";
import { pushLiterals, pushMatch, RUN_CUT } from "../inline/records";
import { hash3, hashOf, head4, insert, rowOf, tagOf } from "../inline/rows";
import { countLiteral, cutChunk } from "../inline/tally";
import {
  DISTANCE_COST,
  DISTANCE_EXTRA,
  HEADS3,
  HEADS3_BITS,
  HEADS4,
  HEADS4_BITS,
  INPUT,
  LENGTH_COST,
  LENGTH_SLOT,
  LITERAL_COST,
  MATCHES_PER_BYTE,
  matches,
  matchIndex,
  pathChoice,
  pathCost,
  ROW_BITS,
  ROWS,
  ROWS_SIZE,
  records,
  SYMBOL_EXTRA,
} from "../memory";
import { CHUNK_DISTANCES, CHUNK_START } from "./chunks";
import { blockSlot } from "./split";
import { distanceSlot, FIRST_LENGTH, WINDOW } from "./symbols";

// The near-optimal parse: all matches of all positions are gathered once; then the cheapest path through
// them is found backwards, with the costs of symbols in the blocks that an earlier parse was split into.

/** A match this long is taken whole; nothing is looked for inside. */
const NICE: u32 = 130;
/** Units of a bit: costs are fractions, since a Huffman code averages to them better than whole bits would. */
const BIT: f32 = 64;
/** A 3-byte match further back is no use to the seed. */
const FAR3: u32 = 4096;

/** Gathers the matches of all positions. */
export function gatherMatches(size: u32): void {
  memory.fill(ROWS, 0, ROWS_SIZE);
  memory.fill(HEADS3, 0, (<usize>2) << HEADS3_BITS);
  memory.fill(HEADS4, 0, (<usize>2) << HEADS4_BITS);
  const stop = INPUT + size;
  // From here on a position keeps its 3-byte match and its longest, for which there is always room.
  const plenty = matches + 4 * (MATCHES_PER_BYTE - 2) * <usize>size;
  let cursor = matches;
  let index = matchIndex;
  let at = INPUT;
  while (at < stop) {
    store<u32>(index, <u32>cursor);
    index += 4;
    const bytes = load<u64>(at);
    const word = <u32>bytes;
    const hash = hashOf(bytes, ROW_BYTES);
    const row = rowOf(hash, ROW_BITS);
    const tag = tagOf(hash);
    const head = hash3(word);
    const distance1 = (at - 1 - <usize>load<u16>(head)) & 0xffff;
    store<u16>(head, at);
    if (distance1 < min<usize>(WINDOW, at - INPUT) && stop - at >= 3) {
      if ((load<u32>(at - 1 - distance1) ^ word) << 8 === 0) {
        store<u32>(cursor, (3 << 16) | <u32>distance1);
        cursor += 4;
      }
    }
    const newest4 = head4(word);
    let end = collect(at, stop, bytes, load<u16>(newest4), row, tag, NICE, cursor);
    store<u16>(newest4, at);
    if (cursor > plenty && end > cursor + 4) {
      store<u32>(cursor, load<u32>(end - 4));
      end = cursor + 4;
    }
    insert(row, tag, at);
    at++;
    if (end === cursor) continue;
    cursor = end;
    const length = load<u32>(end - 4) >>> 16;
    if (length < NICE) continue;
    for (const skipTo = at - 1 + length; at < skipTo; at++) {
      store<u32>(index, <u32>cursor);
      index += 4;
      const bytes = load<u64>(at);
      const hash = hashOf(bytes, ROW_BYTES);
      insert(rowOf(hash, ROW_BITS), tagOf(hash), at);
      store<u16>(hash3(<u32>bytes), at);
      store<u16>(head4(<u32>bytes), at);
    }
  }
  store<u32>(index, <u32>cursor);
}

/** The longest match gathered at a position, or 0. */
function longestAt(index: usize): u32 {
  const end = <usize>load<u32>(index, 4);
  if (end === <usize>load<u32>(index)) return 0;
  const match = load<u32>(end - 4);
  return match >>> 16 === 3 && (match & 0xffff) >= FAR3 ? 0 : match;
}

/** A lazy parse of the gathered matches, whose statistics the first path is priced by. */
export function parseSeed(size: u32): usize {
  let end = records;
  let run: u32 = 0;
  let index = matchIndex;
  const stop = matchIndex + ((<usize>size) << 2);
  let match = longestAt(index);
  while (index < stop) {
    const next = index + 4 < stop ? longestAt(index + 4) : 0;
    const position = <u32>(index - matchIndex) >>> 2;
    if (match === 0 || next >>> 16 > match >>> 16) {
      countLiteral(load<u8>(INPUT + position), 1);
      run++;
      index += 4;
      match = next;
      if (run < RUN_CUT) continue;
      end = pushLiterals(end, run);
      run = 0;
      cutChunk(end, position + 1);
      continue;
    }
    end = pushMatch(end, run, match >>> 16, match & 0xffff);
    run = 0;
    index += (match >>> 16) << 2;
    cutChunk(end, position + (match >>> 16));
    match = index < stop ? longestAt(index) : 0;
  }
  return pushLiterals(end, run);
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

/** Four lengths a step: lanes past a match's own length are masked. */
function findPath(start: u32, stop: u32): void {
  for (let i = <i32>stop - 1; i >= <i32>start; i--) {
    const costs = pathCost + ((<usize>i) << 2);
    const literal = load<u32>(costs, 4) + load<u32>(LITERAL_COST + ((<usize>load<u8>(INPUT + i)) << 2));
    let best = i32x4.splat(literal);
    let choices = i32x4.splat(0);
    let length: u32 = 3;
    const end = <usize>load<u32>(matchIndex + ((<usize>i) << 2), 4);
    for (let at = <usize>load<u32>(matchIndex + ((<usize>i) << 2)); at < end; at += 4) {
      const match = load<u32>(at);
      const distance1 = match & 0xffff;
      const base = i32x4.splat(load<u32>(DISTANCE_COST + (distanceSlot(distance1) << 2)));
      // Length in the high half and distance in the low: the match as the path keeps it.
      const last = i32x4.splat(match | 0xffff);
      let candidates = i32x4.add(i32x4.splat((length << 16) | distance1), i32x4(0, 0x10000, 0x20000, 0x30000));
      do {
        const rest = i32x4.add(v128.load(costs + (length << 2)), v128.load(LENGTH_COST + (length << 2)));
        const cost = i32x4.add(rest, base);
        const better = v128.and(i32x4.lt_s(cost, best), i32x4.le_s(candidates, last));
        best = v128.bitselect(cost, best, better);
        choices = v128.bitselect(candidates, choices, better);
        candidates = i32x4.add(candidates, i32x4.splat(0x40000));
        length += 4;
      } while (length <= match >>> 16);
      length = (match >>> 16) + 1;
    }
    let least = i32x4.extract_lane(best, 0);
    let choice = i32x4.extract_lane(choices, 0);
    const second = i32x4.extract_lane(best, 1);
    choice = select(i32x4.extract_lane(choices, 1), choice, second < least);
    least = min(second, least);
    const third = i32x4.extract_lane(best, 2);
    choice = select(i32x4.extract_lane(choices, 2), choice, third < least);
    least = min(third, least);
    const fourth = i32x4.extract_lane(best, 3);
    choice = select(i32x4.extract_lane(choices, 3), choice, fourth < least);
    least = min(fourth, least);
    store<u32>(costs, least);
    store<u32>(pathChoice + ((<usize>i) << 2), choice);
  }
}

function writePath(size: u32): usize {
  let end = records;
  let run: u32 = 0;
  for (let i: u32 = 0; i < size; ) {
    const choice = load<u32>(pathChoice + (i << 2));
    if (choice === 0) {
      countLiteral(load<u8>(INPUT + i), 1);
      run++;
      i++;
      if (run < RUN_CUT) continue;
      end = pushLiterals(end, run);
    } else {
      end = pushMatch(end, run, choice >>> 16, choice & 0xffff);
      i += choice >>> 16;
    }
    run = 0;
    cutChunk(end, i);
  }
  return pushLiterals(end, run);
}
