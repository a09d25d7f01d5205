import { CHUNK_SLOT, chunks, records, TALLY } from "../memory";
import { END_OF_BLOCK } from "./symbols";

// A parse counts its symbols as it finds them (see tally.ts), chunk by chunk: pieces of the input, of at least so
// many bytes, that end with a record. The splitter then makes deflate blocks of them.

// A chunk's slot: u32[288] literal/length counts, u32[32] distance counts, u8[320] code lengths, then
export const CHUNK_DISTANCES: usize = 1152;
export const CHUNK_LENGTHS: usize = 1280;
/** First record and the byte of input where it begins; both u32. The next slot in order has the ends. */
export const CHUNK_RECORD: usize = 1600;
export const CHUNK_START: usize = 1604;
/** Block type of the plan (RFC 1951 §3.2.3). */
export const CHUNK_TYPE: usize = 1608;
/** Bytes of both lists of counts. */
export const COUNTS_SIZE: usize = 1280;

/** Where in the input the open chunk may end. */
export let chunkLimit: u32 = 0;
let chunkSize: u32 = 0;
let closed: u32 = 0;

/** Opens the first chunk. */
export function startChunks(size: u32): void {
  chunkSize = size;
  closed = 0;
  open(records, 0);
}

/** Ends the open chunk in front of the next record, which begins at `position` of the input. */
export function closeChunk(record: usize, position: u32): void {
  const slot = chunks + <usize>closed * CHUNK_SLOT;
  memory.copy(slot, TALLY, COUNTS_SIZE);
  store<u32>(slot + (END_OF_BLOCK << 2), 1);
  closed++;
  open(record, position);
}

/** Ends the last chunk, where all records end; returns how many there are. A slot more says where that is. */
export function endChunks(record: usize, size: u32): u32 {
  if (size > chunkLimit - chunkSize || closed === 0) closeChunk(record, size);
  return closed;
}

function open(record: usize, position: u32): void {
  const slot = chunks + <usize>closed * CHUNK_SLOT;
  store<u32>(slot, record, CHUNK_RECORD);
  store<u32>(slot, position, CHUNK_START);
  memory.fill(TALLY, 0, COUNTS_SIZE);
  chunkLimit = position + chunkSize;
}
