// biome-ignore-all lint/correctness/noPrecisionLoss: u64 literals, which AssemblyScript keeps exact
import { XXH_STATE } from "../memory";

// XXH128 (XXH3, 128 bits, seed 0, default secret), from the xxHash specification, "XXH3 algorithm overview".
// Chosen for duplicates because its quality is measured in public (SMHasher) and anybody's tool can check
// the value. It is no cryptographic hash: see ARCHITECTURE.md on what that means for duplicates.

const PRIME32_1: u64 = 0x9e3779b1;
const PRIME32_2: u64 = 0x85ebca77;
const PRIME32_3: u64 = 0xc2b2ae3d;
const PRIME64_1: u64 = 0x9e3779b185ebca87;
const PRIME64_2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME64_3: u64 = 0x165667b19e3779f9;
const PRIME64_4: u64 = 0x85ebca77c2b2ae63;
const PRIME64_5: u64 = 0x27d4eb2f165667c5;
const PRIME_MX1: u64 = 0x165667919e3779f9;
const PRIME_MX2: u64 = 0x9fb21c651e98df25;

const STRIPE: usize = 64;
const SECRET_SIZE: usize = 192;
/** One key of 64 bytes per stripe, 8 bytes further each: 16 stripes use up the secret. */
const BLOCK: usize = STRIPE * 16;

/** The specification's default secret. */
// biome-ignore format: 16 bytes a row, as the specification prints them
const SECRET: usize = memory.data<u8>([
  0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
  0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
  0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
  0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
  0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
  0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
  0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
  0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
  0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
  0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
  0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
  0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
]);

// State at XXH_STATE: u64[8] accumulators, the 64 bytes in front of the buffer, then the buffer.
const ACCUMULATORS: usize = XXH_STATE;
const BEFORE: usize = XXH_STATE + 64;
const BUFFER: usize = BEFORE + STRIPE;

let total: u64 = 0;
let buffered: usize = 0;

/** The last digest. */
export let digestLow: u64 = 0;
export let digestHigh: u64 = 0;

/** One shot over `size` bytes. */
export function hash128(from: usize, size: usize): void {
  if (size <= 240) {
    short(from, size);
    return;
  }
  startAccumulators();
  const blocks = (size - 1) / BLOCK;
  for (let i: usize = 0; i < blocks; i++) wholeBlock(from + i * BLOCK);
  const rest = from + blocks * BLOCK;
  finishLong(rest, size - blocks * BLOCK, from + size - STRIPE, size);
}

export function hash128Reset(): void {
  total = 0;
  buffered = 0;
  startAccumulators();
}

export function hash128Update(from: usize, size: usize): void {
  total += size;
  let at = from;
  let left = size;
  while (left > 0) {
    // A full buffer waits for the byte that shows it is not the last: the end is hashed differently.
    if (buffered === BLOCK) {
      wholeBlock(BUFFER);
      memory.copy(BEFORE, BUFFER + BLOCK - STRIPE, STRIPE);
      buffered = 0;
    }
    if (buffered === 0 && left > BLOCK) {
      do {
        wholeBlock(at);
        at += BLOCK;
        left -= BLOCK;
      } while (left > BLOCK);
      memory.copy(BEFORE, at - STRIPE, STRIPE);
    }
    const part = min(left, BLOCK - buffered);
    memory.copy(BUFFER + buffered, at, part);
    buffered += part;
    at += part;
    left -= part;
  }
}

/** Ends the stream; the state is spent until the next reset. */
export function hash128Digest(): void {
  if (total <= 240) short(BUFFER, <usize>total);
  else finishLong(BUFFER, buffered, BUFFER + buffered - STRIPE, total);
}

function startAccumulators(): void {
  store<u64>(ACCUMULATORS, PRIME32_3);
  store<u64>(ACCUMULATORS, PRIME64_1, 8);
  store<u64>(ACCUMULATORS, PRIME64_2, 16);
  store<u64>(ACCUMULATORS, PRIME64_3, 24);
  store<u64>(ACCUMULATORS, PRIME64_4, 32);
  store<u64>(ACCUMULATORS, PRIME32_2, 40);
  store<u64>(ACCUMULATORS, PRIME64_5, 48);
  store<u64>(ACCUMULATORS, PRIME32_1, 56);
}

/** Two lanes of a stripe: each lane's data goes to its neighbour, the product of its keyed halves to itself. */
function accumulate2(accumulator: v128, data: v128, key: v128): v128 {
  const keyed = v128.xor(data, key);
  // Low halves of both lanes in lanes 0 and 1, high halves too: one widening multiplication.
  const low = v128.shuffle<u32>(keyed, keyed, 0, 2, 0, 2);
  const high = v128.shuffle<u32>(keyed, keyed, 1, 3, 1, 3);
  const swapped = v128.shuffle<u64>(data, data, 1, 0);
  return i64x2.add(i64x2.add(accumulator, swapped), i64x2.extmul_low_i32x4_u(low, high));
}

/** `count` stripes with keys 8 bytes apart. */
function stripes(from: usize, count: usize, key: usize): void {
  let a = v128.load(ACCUMULATORS);
  let b = v128.load(ACCUMULATORS, 16);
  let c = v128.load(ACCUMULATORS, 32);
  let d = v128.load(ACCUMULATORS, 48);
  let secret = key;
  const end = from + count * STRIPE;
  for (let at = from; at < end; at += STRIPE) {
    a = accumulate2(a, v128.load(at), v128.load(secret));
    b = accumulate2(b, v128.load(at, 16), v128.load(secret, 16));
    c = accumulate2(c, v128.load(at, 32), v128.load(secret, 32));
    d = accumulate2(d, v128.load(at, 48), v128.load(secret, 48));
    secret += 8;
  }
  v128.store(ACCUMULATORS, a);
  v128.store(ACCUMULATORS, b, 16);
  v128.store(ACCUMULATORS, c, 32);
  v128.store(ACCUMULATORS, d, 48);
}

function wholeBlock(from: usize): void {
  stripes(from, 16, SECRET);
  for (let i: usize = 0; i < 64; i += 8) {
    const lane = load<u64>(ACCUMULATORS + i);
    const mixed = lane ^ (lane >>> 47) ^ load<u64>(SECRET + SECRET_SIZE - STRIPE + i);
    store<u64>(ACCUMULATORS + i, mixed * PRIME32_1);
  }
}

/** The last 1…1024 bytes, of which the last 64 count once more, with a key of their own. */
function finishLong(rest: usize, restSize: usize, last: usize, size: u64): void {
  stripes(rest, (restSize - 1) / STRIPE, SECRET);
  stripes(last, 1, SECRET + SECRET_SIZE - STRIPE - 7);
  digestLow = mergeAccumulators(SECRET + 11, size * PRIME64_1);
  digestHigh = mergeAccumulators(SECRET + SECRET_SIZE - STRIPE - 11, ~(size * PRIME64_2));
}

function mergeAccumulators(secret: usize, start: u64): u64 {
  let sum = start;
  for (let i: usize = 0; i < 64; i += 16) {
    const low = load<u64>(ACCUMULATORS + i) ^ load<u64>(secret + i);
    const high = load<u64>(ACCUMULATORS + i, 8) ^ load<u64>(secret + i, 8);
    sum += fold(low, high);
  }
  return avalanche(sum);
}

/** High half of the 128-bit product. */
function multiplyHigh(a: u64, b: u64): u64 {
  const lowLow = (a & 0xffffffff) * (b & 0xffffffff);
  const highLow = (a >>> 32) * (b & 0xffffffff);
  const lowHigh = (a & 0xffffffff) * (b >>> 32);
  const cross = (lowLow >>> 32) + (highLow & 0xffffffff) + lowHigh;
  return (highLow >>> 32) + (cross >>> 32) + (a >>> 32) * (b >>> 32);
}

function fold(a: u64, b: u64): u64 {
  return (a * b) ^ multiplyHigh(a, b);
}

function avalanche(hash: u64): u64 {
  const mixed = (hash ^ (hash >>> 37)) * PRIME_MX1;
  return mixed ^ (mixed >>> 32);
}

function avalanche64(hash: u64): u64 {
  let mixed = (hash ^ (hash >>> 33)) * PRIME64_2;
  mixed = (mixed ^ (mixed >>> 29)) * PRIME64_3;
  return mixed ^ (mixed >>> 32);
}

function keyAt(offset: usize): u64 {
  return load<u64>(SECRET + offset);
}

/** Inputs of up to 240 bytes have ways of their own. */
function short(from: usize, size: usize): void {
  if (size > 16) medium(from, size);
  else if (size > 8) upTo16(from, size);
  else if (size > 3) upTo8(from, size);
  else if (size > 0) upTo3(from, size);
  else {
    digestLow = avalanche64(keyAt(64) ^ keyAt(72));
    digestHigh = avalanche64(keyAt(80) ^ keyAt(88));
  }
}

function upTo3(from: usize, size: usize): void {
  const first = <u32>load<u8>(from);
  const middle = <u32>load<u8>(from + (size >>> 1));
  const last = <u32>load<u8>(from + size - 1);
  const low = (first << 16) | (middle << 24) | last | ((<u32>size) << 8);
  const high = rotl<u32>(bswap<u32>(low), 13);
  digestLow = avalanche64(<u64>low ^ <u64>(load<u32>(SECRET) ^ load<u32>(SECRET, 4)));
  digestHigh = avalanche64(<u64>high ^ <u64>(load<u32>(SECRET, 8) ^ load<u32>(SECRET, 12)));
}

function upTo8(from: usize, size: usize): void {
  const input = <u64>load<u32>(from) | ((<u64>load<u32>(from + size - 4)) << 32);
  const keyed = input ^ keyAt(16) ^ keyAt(24);
  const factor = PRIME64_1 + ((<u64>size) << 2);
  let low = keyed * factor;
  const high = multiplyHigh(keyed, factor) + (low << 1);
  low ^= high >>> 3;
  low = (low ^ (low >>> 35)) * PRIME_MX2;
  digestLow = low ^ (low >>> 28);
  digestHigh = avalanche(high);
}

function upTo16(from: usize, size: usize): void {
  const inputLow = load<u64>(from);
  const inputHigh = load<u64>(from + size - 8);
  const keyed = inputLow ^ inputHigh ^ keyAt(32) ^ keyAt(40);
  let low = keyed * PRIME64_1;
  let high = multiplyHigh(keyed, PRIME64_1);
  low += (<u64>size - 1) << 54;
  const other = inputHigh ^ keyAt(48) ^ keyAt(56);
  high += other + (other & 0xffffffff) * (PRIME32_2 - 1);
  low ^= bswap<u64>(high);
  digestLow = avalanche(low * PRIME64_2);
  digestHigh = avalanche(multiplyHigh(low, PRIME64_2) + high * PRIME64_2);
}

function mix16(from: usize, key: usize): u64 {
  return fold(load<u64>(from) ^ keyAt(key), load<u64>(from, 8) ^ keyAt(key + 8));
}

let mixLow: u64 = 0;
let mixHigh: u64 = 0;

function mix32(one: usize, other: usize, key: usize): void {
  mixLow = (mixLow + mix16(one, key)) ^ (load<u64>(other) + load<u64>(other, 8));
  mixHigh = (mixHigh + mix16(other, key + 16)) ^ (load<u64>(one) + load<u64>(one, 8));
}

function medium(from: usize, size: usize): void {
  const end = from + size;
  mixLow = <u64>size * PRIME64_1;
  mixHigh = 0;
  if (size <= 128) {
    if (size > 96) mix32(from + 48, end - 64, 96);
    if (size > 64) mix32(from + 32, end - 48, 64);
    if (size > 32) mix32(from + 16, end - 32, 32);
    mix32(from, end - 16, 0);
  } else {
    for (let i: usize = 0; i < 128; i += 32) mix32(from + i, from + i + 16, i);
    mixLow = avalanche(mixLow);
    mixHigh = avalanche(mixHigh);
    for (let i: usize = 128; i + 32 <= size; i += 32) mix32(from + i, from + i + 16, i - 125);
    mix32(end - 16, end - 32, 103);
  }
  digestLow = avalanche(mixLow + mixHigh);
  digestHigh = 0 - avalanche(mixLow * PRIME64_1 + mixHigh * PRIME64_4 + <u64>size * PRIME64_2);
}
