import { entropyTerm } from "../inline/entropy";
import { INPUT, PACKAGES, ROWS } from "../memory";

// Most blocks that deflate cannot shrink are compressed or encrypted already. Two cheap looks spare them
// the parse: bytes that are all about as frequent, then hardly any 4 bytes that came before.

/** Smaller inputs give too small a sample to judge by. */
const SMALLEST: u32 = 16384;
const SAMPLES: u32 = 512;
const SAMPLE_SIZE: u32 = 16;
const SAMPLE_TOTAL: u32 = SAMPLES * SAMPLE_SIZE;
/**
 * Bits per byte above which literals cannot be coded shorter. A sample of 8192 random bytes measures 7.977
 * on average; from 7.93 on, coding them gains less than 0.5 % of the block.
 */
const ENTROPY_LIMIT: f32 = 7.93;
/** Matches pay where they begin at one byte in this many. */
const MATCH_SHARE: u32 = 512;
const TABLE_BITS: u32 = 14;
const HASH_FACTOR: u32 = 0x9e3779b1;
const COUNTS: usize = PACKAGES;

/** Whether the input is not worth a parse. */
export function isIncompressible(size: u32): bool {
  return size >= SMALLEST && sampledEntropy(size) > ENTROPY_LIMIT && repeats(size) < size / MATCH_SHARE;
}

function sampledEntropy(size: u32): f32 {
  memory.fill(COUNTS, 0, 1024);
  const step = size / SAMPLES;
  for (let i: u32 = 0; i < SAMPLES; i++) {
    const from = INPUT + i * step;
    for (let at = from; at < from + SAMPLE_SIZE; at++) {
      const count = COUNTS + ((<usize>load<u8>(at)) << 2);
      store<u32>(count, load<u32>(count) + 1);
    }
  }
  let sum = f32x4.splat(0);
  for (let at = COUNTS; at < COUNTS + 1024; at += 16) sum = f32x4.add(sum, entropyTerm(v128.load(at)));
  const terms =
    f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
  return 13 - terms / <f32>SAMPLE_TOTAL;
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
