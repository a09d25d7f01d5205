// The one map of linear memory. Everything up to INPUT has a constant address, so loads and stores of
// the hot loops fold it into the instruction; what scales with the block size follows, at addresses that
// `layout` sets once. Nothing is ever freed: a block overwrites the one before it.

/** Static data that the compiler places itself (constant tables of the hashes) ends below this. */
export const STATIC_END: usize = 0x1000;

// --- deflate tables ---
/** u8[256]: length − 3 → length slot 0…28. */
export const LENGTH_SLOT: usize = 0x1000;
/** u8[288]: extra bits of a literal/length symbol. */
export const SYMBOL_EXTRA: usize = 0x1100;
/** u8[32]: extra bits of a distance symbol. */
export const DISTANCE_EXTRA: usize = 0x1220;
/** u8[320]: code lengths of the fixed block type, literal/length then distance. */
export const FIXED_LENGTHS: usize = 0x1240;
/** u32[288]: code (low 24 bits) and its length (high 8) per literal/length symbol. */
export const SYMBOL_CODES: usize = 0x1400;
/** u32[32]: the same per distance symbol. */
export const DISTANCE_CODES: usize = 0x1880;
/** u32[256]: the same per match length − 3, with the extra bits already behind the code. */
export const LENGTH_CODES: usize = 0x1900;
/** u32[19] counts, u8[19] lengths, u32[19] codes of the code length code; then its symbols. */
export const PRECODE_COUNTS: usize = 0x1d00;
export const PRECODE_LENGTHS: usize = 0x1d60;
export const PRECODE_CODES: usize = 0x1d80;
/** u16[320]: code length symbols of a header, extra bits from bit 5 on. */
export const PRECODE_SYMBOLS: usize = 0x1e00;

// --- Huffman construction ---
/** u32[288] twice: symbols in the order of their counts, and the sort's other half. */
export const SORTED: usize = 0x2100;
export const SORT_SPARE: usize = SORTED + 288 * 4;
/** u32[256]: buckets of the sort. */
export const SORT_BUCKETS: usize = SORT_SPARE + 288 * 4;
/** u32[576] twice: the two lists of package-merge; the tree builder keeps weights here. */
export const PACKAGES: usize = SORT_BUCKETS + 256 * 4;
export const PACKAGES_NEXT: usize = PACKAGES + 576 * 4;
/** u8[15][576]: which items of a list are packages; the tree builder keeps parents here. */
export const PACKAGE_FLAGS: usize = PACKAGES_NEXT + 576 * 4;

// --- block splitting: u16[1024] indices, f32[1024] costs and gains ---
export const SPLIT_ORDER: usize = 0x8000;
export const SPLIT_COST: usize = 0x8800;
export const SPLIT_GAIN: usize = 0x9800;
/** u32[320] that stay zero: the neighbour of a block that is looked at alone. */
export const ZERO_COUNTS: usize = 0xa800;

// --- near-optimal parse: costs of the block that it is in, u32 each ---
/** u32[256]: a literal. */
export const LITERAL_COST: usize = 0xd000;
/** u32[259 + 4]: a match length, by the length; extra bits included. */
export const LENGTH_COST: usize = 0xd400;
/** u32[32]: a distance symbol, extra bits included. */
export const DISTANCE_COST: usize = 0xd900;

/** u32[288 + 32]: symbols of the chunk that a parse is in, as counted so far. */
export const TALLY: usize = 0xe000;

// --- hash states ---
export const XXH_STATE: usize = 0xb000;
export const SHA_STATE: usize = 0xc000;

/** The match finders' main table, 256 KiB: rows of 64 bytes in the lazy parse (its low 16 address bits are zero). */
export const ROWS: usize = 0x10000;
export const ROW_BITS: u32 = 12;
export const ROWS_SIZE: usize = 64 << ROW_BITS;
/** u16[1 << 15]: the newest position of a 3-byte hash. */
export const HEADS3: usize = 0x50000;
export const HEADS3_BITS: u32 = 15;
/** u16[1 << 15]: the newest position of a 4-byte hash. */
export const HEADS4: usize = 0x60000;
export const HEADS4_BITS: u32 = 15;

/** The block to encode. INPUT_SLACK zero bytes follow it: a search reads past the end by its nice length. */
export const INPUT: usize = 0x70000;
export const INPUT_SLACK: usize = 128;

/** Input bytes that a chunk of the block splitter covers at least: finer splits cost time, not size. */
export const CHUNK_SIZE: u32 = 2048;
/** Bytes of a chunk's slot: u32[288 + 32] counts, u8[320] code lengths, 64 bytes of plan (see plan.ts). */
export const CHUNK_SLOT: usize = 1280 + 320 + 64;

/** Parse records, u32 each (see records.ts). */
export let records: usize = 0;
export let chunks: usize = 0;
export let output: usize = 0;

// Only the near-optimal parse has these; they exist after `layoutBest`.
/** u32 per position and one: where its matches begin in `matches`. */
export let matchIndex: usize = 0;
/** u32 per match: length << 16 | distance − 1. */
export let matches: usize = 0;
/** u32 per position and one: bits from here to the end. */
export let pathCost: usize = 0;
/** u32 per position: the match taken there, 0 for a literal. */
export let pathChoice: usize = 0;

/** Encoders may write this far past the block size before they give up. */
const OUTPUT_SLACK: usize = 1024;

let blockLimit: usize = 0;
let fixedEnd: usize = 0;
/** Room for matches, per byte of input; text has 4 or 5. The parse takes fewer where it runs short. */
export const MATCHES_PER_BYTE: usize = 10;

/** Lays out memory for blocks of up to `blockSize` bytes and grows it; called once, before any view is taken. */
export function layout(blockSize: u32): bool {
  const size: usize = (<usize>blockSize + 255) & ~(<usize>255);
  records = INPUT + size + INPUT_SLACK;
  // A match covers 3 bytes at least and takes a record; literal runs add one per 256 bytes at most.
  chunks = records + ((size * 3) >> 1) + 1024;
  output = chunks + (size / CHUNK_SIZE + 2) * CHUNK_SLOT;
  blockLimit = size;
  fixedEnd = (output + size + OUTPUT_SLACK + 63) & ~(<usize>63);
  return reach(fixedEnd);
}

/** Adds what the near-optimal parse needs, 52 bytes per byte of block; views taken before are dead. */
export function layoutBest(): bool {
  matchIndex = fixedEnd;
  matches = matchIndex + 4 * blockLimit + 64;
  pathCost = matches + 4 * MATCHES_PER_BYTE * blockLimit + 1088;
  // A cost vector may be read past the end.
  pathChoice = pathCost + 4 * blockLimit + 64;
  return reach(pathChoice + 4 * blockLimit + 64);
}

/** Grows memory so that everything below `end` exists. */
function reach(end: usize): bool {
  const pages = <i32>((end + 0xffff) >>> 16) - memory.size();
  return pages <= 0 || memory.grow(pages) >= 0;
}
