import { chunkLimit, closeChunk } from "../deflate/chunks";
import { distanceSlot, FIRST_LENGTH, SYMBOLS } from "../deflate/symbols";
import { LENGTH_SLOT, TALLY } from "../memory";

// Symbols are counted where the parse has decided on them and so has branched already: a pass over the finished
// records would have to guess the length of every run anew.

/** Counts a literal `times`, 0 or 1: a number costs less than a branch. */
export function countLiteral(byte: u32, times: u32): void {
  const counter = (<usize>byte) << 2;
  store<u32>(counter, load<u32>(counter, TALLY) + times, TALLY);
}

/** Counts the symbols of a match. */
export function countMatch(length: u32, distance1: u32): void {
  const symbol = (<usize>load<u8>(<usize>length, LENGTH_SLOT - 3)) << 2;
  store<u32>(symbol, load<u32>(symbol, TALLY + (FIRST_LENGTH << 2)) + 1, TALLY + (FIRST_LENGTH << 2));
  const slot = (<usize>distanceSlot(distance1)) << 2;
  store<u32>(slot, load<u32>(slot, TALLY + (SYMBOLS << 2)) + 1, TALLY + (SYMBOLS << 2));
}

/** Ends the chunk, if it is long enough, with the record before `end`; the next begins at `position` of the input. */
export function cutChunk(end: usize, position: u32): void {
  if (position >= chunkLimit) closeChunk(end, position);
}
