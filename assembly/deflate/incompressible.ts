import { INPUT, ROWS } from "../memory";
import { sampledEntropy } from "./sample";

// Most blocks that deflate cannot shrink are compressed or encrypted already. Two cheap looks spare them
// the parse: bytes that are all about as frequent, then hardly any 4 bytes that came before.

/** Smaller inputs give too small a sample to judge by. */
const SMALLEST: u32 = 16384;
/**
 * Bits per byte above which literals cannot be coded shorter. A sample of 8192 random bytes measures 7.977
 * on average; from 7.93 on, coding them gains less than 0.5 % of the block.
 */
const ENTROPY_LIMIT: f32 = 7.93;
/** Matches pay where they begin at one byte in this many. */
const MATCH_SHARE: u32 = 512;
const TABLE_BITS: u32 = 14;
const HASH_FACTOR: u32 = 0x9e3779b1;

/** Whether the input, of which a sample was taken, is not worth a parse. */
export function isIncompressible(size: u32): bool {
  return size >= SMALLEST && sampledEntropy() > ENTROPY_LIMIT && repeats(size) < size / MATCH_SHARE;
}

/** Positions whose 4 bytes stand where their hash was last seen. */
function repeats(size: u32): u32 {
  memory.fill(ROWS, 0, (<usize>2) << TABLE_BITS);
  let count: u32 = 0;
  const last = INPUT + size - 4;
  for (let at = INPUT + 1; at <= last; at++) {
    const word = load<u32>(at);
    const head = ROWS + (((word * HASH_FACTOR) >>> (32 - TABLE_BITS)) << 1);
    const distance1 = (at - 1 - <usize>load<u16>(head)) & 0xffff;
    store<u16>(head, at);
    // A stale entry may point in front of the input: such bytes are not the input's.
    count += u32(load<u32>(at - 1 - distance1) === word) & u32(distance1 < at - INPUT);
  }
  return count;
}
