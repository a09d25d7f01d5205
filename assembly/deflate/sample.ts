import { entropyTerm } from "../inline/entropy";
import { INPUT, PACKAGES } from "../memory";

// A sample of the input's bytes, counted: whether the input is worth a parse, and what its literals cost.

const SAMPLES: u32 = 512;
const SAMPLE_SIZE: u32 = 16;
/** Inputs up to this size are counted whole. */
export const SAMPLE_TOTAL: u32 = SAMPLES * SAMPLE_SIZE;
const COUNTS: usize = PACKAGES;

let values: u32 = 0;

/** Takes the sample; what it says of values stays until the next. */
export function takeSample(size: u32): void {
  memory.fill(COUNTS, 0, 1024);
  if (size <= SAMPLE_TOTAL) count(INPUT, size);
  else for (let i: u32 = 0; i < SAMPLES; i++) count(INPUT + i * (size / SAMPLES), SAMPLE_SIZE);
  values = 0;
  for (let at = COUNTS; at < COUNTS + 1024; at += 4) values += u32(load<u32>(at) !== 0);
}

/** How many values the bytes of the sample take. */
export function sampledValues(): u32 {
  return values;
}

/** Bits per byte of a sample just taken of more than SAMPLE_TOTAL bytes. */
export function sampledEntropy(): f32 {
  let sum = f32x4.splat(0);
  for (let at = COUNTS; at < COUNTS + 1024; at += 16) sum = f32x4.add(sum, entropyTerm(v128.load(at)));
  const terms =
    f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
  return 13 - terms / <f32>SAMPLE_TOTAL;
}

function count(from: usize, size: u32): void {
  for (let at = from; at < from + size; at++) {
    const counter = COUNTS + ((<usize>load<u8>(at)) << 2);
    store<u32>(counter, load<u32>(counter) + 1);
  }
}
