import { SHA_STATE } from "../memory";

// FIPS 180-4 §6.2. State at SHA_STATE: u32[8] hash, a block of 64 bytes, u32[64] message schedule.

const BLOCK: usize = SHA_STATE + 32;
const SCHEDULE: usize = BLOCK + 64;

/** FIPS 180-4 §4.2.2. */
// biome-ignore format: 8 words a row, as the standard prints them
const CONSTANTS: usize = memory.data<u32>([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
]);

/** FIPS 180-4 §5.3.3. */
const START: usize = memory.data<u32>([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
]);

let total: u64 = 0;

export function sha256Reset(): void {
  total = 0;
  memory.copy(SHA_STATE, START, 32);
}

export function sha256Update(from: usize, size: usize): void {
  let at = from;
  let left = size;
  const waiting = <usize>(total & 63);
  total += size;
  if (waiting > 0) {
    const part = min(left, 64 - waiting);
    memory.copy(BLOCK + waiting, at, part);
    at += part;
    left -= part;
    if (waiting + part < 64) return;
    block(BLOCK);
  }
  for (; left >= 64; left -= 64, at += 64) block(at);
  memory.copy(BLOCK, at, left);
}

/** Ends the stream and returns the address of the 32 bytes; the state is spent until the next reset. */
export function sha256Digest(): usize {
  const waiting = <usize>(total & 63);
  memory.fill(BLOCK + waiting, 0, 64 - waiting);
  store<u8>(BLOCK + waiting, 0x80);
  if (waiting >= 56) {
    block(BLOCK);
    memory.fill(BLOCK, 0, 64);
  }
  store<u64>(BLOCK, bswap<u64>(total << 3), 56);
  block(BLOCK);
  for (let i: usize = 0; i < 32; i += 4) store<u32>(SHA_STATE + i, bswap<u32>(load<u32>(SHA_STATE + i)));
  return SHA_STATE;
}

function rotate(x: v128, count: i32): v128 {
  return v128.or(i32x4.shr_u(x, count), i32x4.shl(x, 32 - count));
}

/** Message schedule plus constants, four words a step: only the last two of four hang on the first two. */
function schedule(from: usize): void {
  for (let i: usize = 0; i < 64; i += 16) {
    const words = v128.load(from + i);
    v128.store(SCHEDULE + i, v128.shuffle<u8>(words, words, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
  }
  let w0 = v128.load(SCHEDULE);
  let w4 = v128.load(SCHEDULE, 16);
  let w8 = v128.load(SCHEDULE, 32);
  let w12 = v128.load(SCHEDULE, 48);
  for (let i: usize = 0; i < 64; i += 16)
    v128.store(SCHEDULE + i, i32x4.add(v128.load(SCHEDULE + i), v128.load(CONSTANTS + i)));
  for (let i: usize = 64; i < 256; i += 16) {
    const w1 = v128.shuffle<u32>(w0, w4, 1, 2, 3, 4);
    const w9 = v128.shuffle<u32>(w8, w12, 1, 2, 3, 4);
    const sigma0 = v128.xor(v128.xor(rotate(w1, 7), rotate(w1, 18)), i32x4.shr_u(w1, 3));
    let sum = i32x4.add(i32x4.add(w0, w9), sigma0);
    const early = v128.shuffle<u32>(w12, i32x4.splat(0), 2, 3, 4, 4);
    sum = i32x4.add(sum, v128.xor(v128.xor(rotate(early, 17), rotate(early, 19)), i32x4.shr_u(early, 10)));
    const late = v128.shuffle<u32>(i32x4.splat(0), sum, 0, 0, 4, 5);
    sum = i32x4.add(sum, v128.xor(v128.xor(rotate(late, 17), rotate(late, 19)), i32x4.shr_u(late, 10)));
    w0 = w4;
    w4 = w8;
    w8 = w12;
    w12 = sum;
    v128.store(SCHEDULE + i, i32x4.add(sum, v128.load(CONSTANTS + i)));
  }
}

function block(from: usize): void {
  schedule(from);
  let a = load<u32>(SHA_STATE);
  let b = load<u32>(SHA_STATE, 4);
  let c = load<u32>(SHA_STATE, 8);
  let d = load<u32>(SHA_STATE, 12);
  let e = load<u32>(SHA_STATE, 16);
  let f = load<u32>(SHA_STATE, 20);
  let g = load<u32>(SHA_STATE, 24);
  let h = load<u32>(SHA_STATE, 28);
  for (let i: usize = 0; i < 256; i += 4) {
    const one = h + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + ((e & f) ^ (~e & g)) + load<u32>(SCHEDULE + i);
    const two = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + one;
    d = c;
    c = b;
    b = a;
    a = one + two;
  }
  store<u32>(SHA_STATE, load<u32>(SHA_STATE) + a);
  store<u32>(SHA_STATE, load<u32>(SHA_STATE, 4) + b, 4);
  store<u32>(SHA_STATE, load<u32>(SHA_STATE, 8) + c, 8);
  store<u32>(SHA_STATE, load<u32>(SHA_STATE, 12) + d, 12);
  store<u32>(SHA_STATE, load<u32>(SHA_STATE, 16) + e, 16);
  store<u32>(SHA_STATE, load<u32>(SHA_STATE, 20) + f, 20);
  store<u32>(SHA_STATE, load<u32>(SHA_STATE, 24) + g, 24);
  store<u32>(SHA_STATE, load<u32>(SHA_STATE, 28) + h, 28);
}
