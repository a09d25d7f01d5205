import { DecompressError } from "./decompressor.ts";

/**
 * LZMA's range decoder and its model ("LZMA specification", I. Pavlov), for LZMA2 chunks. The output array is
 * the dictionary: blocks are small and come out whole.
 */

/** Probabilities are 11-bit and move by 1/32 of the way. */
const PROBABILITY_BITS = 11;
const PROBABILITY_INIT: number = 1 << (PROBABILITY_BITS - 1);
const MOVE_BITS = 5;
/** The range is widened when it has fewer than 24 bits. */
const TOP: number = 2 ** 24;

const STATES = 12;
/** States from here on follow a match, so the next literal is coded against the byte that the match had next. */
const FIRST_MATCH_STATE = 7;
const MAX_POSITION_STATES = 16;
const MIN_MATCH = 2;
const DISTANCE_STATES = 4;
const FIRST_MODELLED_SLOT = 4;
const FIRST_DIRECT_SLOT = 14;
const ALIGN_BITS = 4;

// A length: two choices, then 8 or 8 values by position state, or 256.
const LENGTH_LOW = 2;
const LENGTH_MID: number = LENGTH_LOW + MAX_POSITION_STATES * 8;
const LENGTH_HIGH: number = LENGTH_MID + MAX_POSITION_STATES * 8;
const LENGTH_SIZE: number = LENGTH_HIGH + 256;

// Where each part of the model lies in the array of probabilities.
const IS_MATCH = 0;
const IS_REP: number = IS_MATCH + STATES * MAX_POSITION_STATES;
const IS_REP0: number = IS_REP + STATES;
const IS_REP1: number = IS_REP0 + STATES;
const IS_REP2: number = IS_REP1 + STATES;
const IS_REP0_LONG: number = IS_REP2 + STATES;
const SLOTS: number = IS_REP0_LONG + STATES * MAX_POSITION_STATES;
const SPECIAL: number = SLOTS + DISTANCE_STATES * 64;
const ALIGN: number = SPECIAL + 128;
const MATCH_LENGTH: number = ALIGN + (1 << ALIGN_BITS);
const REP_LENGTH: number = MATCH_LENGTH + LENGTH_SIZE;
const LITERALS: number = REP_LENGTH + LENGTH_SIZE;
const LITERAL_SIZE = 0x300;
/** LZMA2 allows lc + lp ≤ 4. */
const MAX_LITERAL_BITS = 4;

export class LzmaDecoder {
  readonly #probabilities = new Uint16Array(LITERALS + (LITERAL_SIZE << MAX_LITERAL_BITS));
  readonly #output: Uint8Array;
  /** Bytes written so far. */
  position = 0;
  /** Matches reach back to here. */
  dictionaryStart = 0;

  #input: Uint8Array = new Uint8Array(0);
  #next = 0;
  #end = 0;
  #range = 0;
  #code = 0;

  #lc = 0;
  #literalPositionMask = 0;
  #positionMask = 0;
  #state = 0;
  readonly #reps: [number, number, number, number] = [0, 0, 0, 0];

  constructor(output: Uint8Array) {
    this.#output = output;
  }

  /** Sets lc, lp and pb from their byte: (pb × 5 + lp) × 9 + lc. */
  setProperties(byte: number): void {
    if (byte >= 9 * 5 * 5) throw new DecompressError("xz: LZMA properties out of range");
    const lc = byte % 9;
    const lp = Math.floor(byte / 9) % 5;
    const pb = Math.floor(byte / 45);
    if (lc + lp > MAX_LITERAL_BITS) throw new DecompressError("xz: LZMA properties out of range");
    this.#lc = lc;
    this.#literalPositionMask = (1 << lp) - 1;
    this.#positionMask = (1 << pb) - 1;
  }

  resetState(): void {
    this.#probabilities.fill(PROBABILITY_INIT);
    this.#state = 0;
    this.#reps.fill(0);
  }

  /** Copies bytes that are stored. */
  copy(bytes: Uint8Array): void {
    if (this.position + bytes.length > this.#output.length) throw new DecompressError("xz: larger than allowed");
    this.#output.set(bytes, this.position);
    this.position += bytes.length;
  }

  /** Decodes one chunk, which is `input` whole, to exactly `size` bytes. */
  decodeChunk(input: Uint8Array, size: number): void {
    const limit = this.position + size;
    if (limit > this.#output.length) throw new DecompressError("xz: larger than allowed");
    if (input.length < 5 || input[0] !== 0) throw new DecompressError("xz: a chunk begins wrongly");
    this.#input = input;
    this.#end = input.length;
    this.#next = 5;
    this.#range = 0xffff_ffff;
    this.#code = new DataView(input.buffer, input.byteOffset, 5).getUint32(1);
    while (this.position < limit) this.#decodeSymbol(limit);
    this.#normalize();
    // The encoder flushes the range coder, which brings the code to nought: a check that costs nothing.
    if (this.#next !== this.#end || this.#code !== 0) throw new DecompressError("xz: a chunk ends wrongly");
  }

  #decodeSymbol(limit: number): void {
    const state = this.#state;
    const positionState = this.position & this.#positionMask;
    if (this.#bit(IS_MATCH + state * MAX_POSITION_STATES + positionState) === 0) {
      this.#decodeLiteral();
      return;
    }
    const reps = this.#reps;
    let length: number;
    if (this.#bit(IS_REP + state) === 0) {
      reps[3] = reps[2];
      reps[2] = reps[1];
      reps[1] = reps[0];
      length = this.#length(MATCH_LENGTH, positionState);
      this.#state = state < FIRST_MATCH_STATE ? 7 : 10;
      reps[0] = this.#distance(length);
    } else {
      if (this.#bit(IS_REP0 + state) === 0) {
        if (this.#bit(IS_REP0_LONG + state * MAX_POSITION_STATES + positionState) === 0) {
          this.#state = state < FIRST_MATCH_STATE ? 9 : 11;
          this.#copyMatch(1, limit);
          return;
        }
      } else {
        this.#pickRep(state);
      }
      length = this.#length(REP_LENGTH, positionState);
      this.#state = state < FIRST_MATCH_STATE ? 8 : 11;
    }
    this.#copyMatch(length + MIN_MATCH, limit);
  }

  /** Brings the second, third or fourth of the recent distances to the front. */
  #pickRep(state: number): void {
    const reps = this.#reps;
    let distance: number;
    if (this.#bit(IS_REP1 + state) === 0) {
      distance = reps[1];
    } else {
      if (this.#bit(IS_REP2 + state) === 0) {
        distance = reps[2];
      } else {
        distance = reps[3];
        reps[3] = reps[2];
      }
      reps[2] = reps[1];
    }
    reps[1] = reps[0];
    reps[0] = distance;
  }

  #decodeLiteral(): void {
    const output = this.#output;
    const position = this.position;
    const before = position > this.dictionaryStart ? (output[position - 1] as number) : 0;
    const context = ((position & this.#literalPositionMask) << this.#lc) + (before >> (8 - this.#lc));
    const base = LITERALS + LITERAL_SIZE * context;
    let symbol = 1;
    if (this.#state >= FIRST_MATCH_STATE) {
      const distance = this.#reps[0] + 1;
      if (distance > position - this.dictionaryStart) throw new DecompressError("xz: a match begins before the block");
      let match = output[position - distance] as number;
      while (symbol < 0x100) {
        const matchBit = (match >> 7) & 1;
        match <<= 1;
        const bit = this.#bit(base + ((1 + matchBit) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (bit !== matchBit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(base + symbol);
    output[position] = symbol & 0xff;
    this.position = position + 1;
    const state = this.#state;
    this.#state = state < 4 ? 0 : state < 10 ? state - 3 : state - 6;
  }

  /** Repeats what stands `reps[0] + 1` bytes back. */
  #copyMatch(length: number, limit: number): void {
    const output = this.#output;
    const distance = this.#reps[0] + 1;
    let to = this.position;
    if (distance > to - this.dictionaryStart) throw new DecompressError("xz: a match begins before the block");
    // In LZMA2 a match never goes on in the next chunk.
    if (to + length > limit) throw new DecompressError("xz: a match goes past its chunk");
    this.position = to + length;
    if (distance >= length) output.copyWithin(to, to - distance, to - distance + length);
    else for (; to < this.position; to++) output[to] = output[to - distance] as number;
  }

  #length(base: number, positionState: number): number {
    if (this.#bit(base) === 0) return this.#tree(base + LENGTH_LOW + positionState * 8, 3);
    if (this.#bit(base + 1) === 0) return 8 + this.#tree(base + LENGTH_MID + positionState * 8, 3);
    return 16 + this.#tree(base + LENGTH_HIGH, 8);
  }

  #distance(length: number): number {
    const slot = this.#tree(SLOTS + Math.min(length, DISTANCE_STATES - 1) * 64, 6);
    if (slot < FIRST_MODELLED_SLOT) return slot;
    const directBits = (slot >> 1) - 1;
    const high = 2 + (slot & 1);
    if (slot < FIRST_DIRECT_SLOT) {
      const base = high << directBits;
      return base + this.#reverseTree(SPECIAL + base - slot, directBits);
    }
    // Beyond 31 bits shifts would turn negative.
    let distance = high;
    for (let i = 0; i < directBits - ALIGN_BITS; i++) distance = distance * 2 + this.#directBit();
    return distance * (1 << ALIGN_BITS) + this.#reverseTree(ALIGN, ALIGN_BITS);
  }

  #tree(base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(base + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  #bit(index: number): 0 | 1 {
    if (this.#range < TOP) this.#normalize();
    const probabilities = this.#probabilities;
    const probability = probabilities[index] as number;
    const bound = (this.#range >>> PROBABILITY_BITS) * probability;
    if (this.#code < bound) {
      this.#range = bound;
      probabilities[index] = probability + (((1 << PROBABILITY_BITS) - probability) >> MOVE_BITS);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    probabilities[index] = probability - (probability >> MOVE_BITS);
    return 1;
  }

  #directBit(): 0 | 1 {
    if (this.#range < TOP) this.#normalize();
    this.#range >>>= 1;
    if (this.#code < this.#range) return 0;
    this.#code -= this.#range;
    return 1;
  }

  #normalize(): void {
    if (this.#range >= TOP) return;
    if (this.#next >= this.#end) throw new DecompressError("xz: a chunk ends too early");
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | (this.#input[this.#next++] as number)) >>> 0;
  }
}
