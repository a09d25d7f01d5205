import { PACKAGE_FLAGS, PACKAGES, PACKAGES_NEXT, SORT_BUCKETS, SORT_SPARE, SORTED } from "../memory";

/** Keys hold the symbol in their low bits: 288 symbols at most, counts below 2^23. */
const SYMBOL_BITS: u32 = 9;
const SYMBOL_MASK: u32 = (1 << SYMBOL_BITS) - 1;

/**
 * Code lengths of least total cost for `size` counts, none over `limit` bits (at least log2 of the used
 * symbols): a plain Huffman tree where that keeps the limit, which is then optimal, else package-merge.
 * Unused symbols get 0; a lone one gets 1 bit.
 */
export function buildLengths(counts: usize, size: u32, limit: u32, lengths: usize): void {
  memory.fill(lengths, 0, size);
  let used: u32 = 0;
  let most: u32 = 0;
  for (let symbol: u32 = 0; symbol < size; symbol++) {
    const count = load<u32>(counts + (symbol << 2));
    if (count === 0) continue;
    if (count > most) most = count;
    store<u32>(SORTED + (used++ << 2), (count << SYMBOL_BITS) | symbol);
  }
  if (used < 2) {
    if (used === 1) store<u8>(lengths + (load<u32>(SORTED) & SYMBOL_MASK), 1);
    return;
  }
  sortByCount(used, most);
  if (treeLengths(used, lengths) > limit) packageMerge(used, limit, lengths);
}

/** Sorts the keys at SORTED by count, then symbol: radix passes of 8 bits, as many as the largest count needs. */
function sortByCount(used: u32, most: u32): void {
  let from = SORTED;
  let to = SORT_SPARE;
  for (let shift: u32 = SYMBOL_BITS; most > 0; shift += 8, most >>>= 8) {
    memory.fill(SORT_BUCKETS, 0, 1024);
    for (let i: u32 = 0; i < used; i++) {
      const bucket = SORT_BUCKETS + (((load<u32>(from + (i << 2)) >>> shift) & 255) << 2);
      store<u32>(bucket, load<u32>(bucket) + 1);
    }
    let start: u32 = 0;
    for (let i: u32 = 0; i < 256; i++) {
      const bucket = SORT_BUCKETS + (i << 2);
      const count = load<u32>(bucket);
      store<u32>(bucket, start);
      start += count;
    }
    for (let i: u32 = 0; i < used; i++) {
      const key = load<u32>(from + (i << 2));
      const bucket = SORT_BUCKETS + (((key >>> shift) & 255) << 2);
      const at = load<u32>(bucket);
      store<u32>(bucket, at + 1);
      store<u32>(to + (at << 2), key);
    }
    const spare = from;
    from = to;
    to = spare;
  }
  if (from !== SORTED) memory.copy(SORTED, from, used << 2);
}

/**
 * Huffman's algorithm over the sorted keys with two queues (leaves, and inner nodes, which arise in the
 * order of their weight). Writes the lengths and returns the longest.
 */
function treeLengths(used: u32, lengths: usize): u32 {
  const weights = PACKAGES;
  const parents = PACKAGE_FLAGS; // u16 per node: leaves, then inner nodes
  const inner = used - 1;
  let leaf: u32 = 0;
  let node: u32 = 0;
  for (let made: u32 = 0; made < inner; made++) {
    let weight: u32 = 0;
    for (let i = 0; i < 2; i++) {
      const leafWeight = leaf < used ? load<u32>(SORTED + (leaf << 2)) >>> SYMBOL_BITS : u32.MAX_VALUE;
      const nodeWeight = node < made ? load<u32>(weights + (node << 2)) : u32.MAX_VALUE;
      // A leaf wins a tie: the tree stays as flat as it can, which spares most calls of packageMerge.
      if (leafWeight <= nodeWeight) {
        weight += leafWeight;
        store<u16>(parents + (leaf++ << 1), made);
      } else {
        weight += nodeWeight;
        store<u16>(parents + ((used + node++) << 1), made);
      }
    }
    store<u32>(weights + (made << 2), weight);
  }
  // Weights are spent: from here on the array holds the depth of each inner node.
  store<u32>(weights + ((inner - 1) << 2), 0);
  for (let i: i32 = inner - 2; i >= 0; i--) {
    const parent = <u32>load<u16>(parents + ((used + <u32>i) << 1));
    store<u32>(weights + ((<u32>i) << 2), load<u32>(weights + (parent << 2)) + 1);
  }
  let longest: u32 = 0;
  for (let i: u32 = 0; i < used; i++) {
    const depth = load<u32>(weights + ((<u32>load<u16>(parents + (i << 1))) << 2)) + 1;
    if (depth > longest) longest = depth;
    store<u8>(lengths + (load<u32>(SORTED + (i << 2)) & SYMBOL_MASK), depth);
  }
  return longest;
}

/**
 * Package-merge (Larmore and Hirschberg, 1990): `limit` lists, each the leaves merged with the pairs of the
 * list before; a symbol's length is the number of lists in which it lies among the cheapest items taken.
 */
function packageMerge(used: u32, limit: u32, lengths: usize): void {
  let list = PACKAGES;
  let next = PACKAGES_NEXT;
  let size = used;
  for (let i: u32 = 0; i < used; i++) {
    store<u32>(list + (i << 2), load<u32>(SORTED + (i << 2)) >>> SYMBOL_BITS);
    store<u8>(PACKAGE_FLAGS + i, 0);
    store<u8>(lengths + (load<u32>(SORTED + (i << 2)) & SYMBOL_MASK), 0);
  }
  for (let level: u32 = 1; level < limit; level++) {
    const flags = PACKAGE_FLAGS + level * 576;
    const packages = size >>> 1;
    let leaf: u32 = 0;
    let pack: u32 = 0;
    size = used + packages;
    for (let i: u32 = 0; i < size; i++) {
      const leafWeight = leaf < used ? load<u32>(SORTED + (leaf << 2)) >>> SYMBOL_BITS : u32.MAX_VALUE;
      const pair = list + (pack << 3);
      const packWeight = pack < packages ? load<u32>(pair) + load<u32>(pair, 4) : u32.MAX_VALUE;
      const takesLeaf = leafWeight <= packWeight;
      store<u32>(next + (i << 2), takesLeaf ? leafWeight : packWeight);
      store<u8>(flags + i, takesLeaf ? 0 : 1);
      if (takesLeaf) leaf++;
      else pack++;
    }
    const spare = list;
    list = next;
    next = spare;
  }
  // 2n − 2 items of the last list make the code; each package among them takes two items of the list before.
  let taken: u32 = 2 * used - 2;
  for (let level: i32 = limit - 1; level >= 0; level--) {
    const flags = PACKAGE_FLAGS + <u32>level * 576;
    let leaves: u32 = 0;
    for (let i: u32 = 0; i < taken; i++) if (load<u8>(flags + i) === 0) leaves++;
    for (let i: u32 = 0; i < leaves; i++) {
      const length = lengths + (load<u32>(SORTED + (i << 2)) & SYMBOL_MASK);
      store<u8>(length, load<u8>(length) + 1);
    }
    taken = 2 * (taken - leaves);
  }
}

/**
 * Canonical codes of given lengths (RFC 1951 §3.2.2), bit-reversed because deflate sends them from the top:
 * u32 each, code in the low 24 bits, length in the high 8.
 */
export function assignCodes(lengths: usize, size: u32, codes: usize): void {
  // Next code per length, u32[16], on the sort's buckets.
  memory.fill(SORT_BUCKETS, 0, 64);
  for (let i: u32 = 0; i < size; i++) {
    const at = SORT_BUCKETS + ((<u32>load<u8>(lengths + i)) << 2);
    store<u32>(at, load<u32>(at) + 1);
  }
  store<u32>(SORT_BUCKETS, 0);
  let code: u32 = 0;
  for (let length: u32 = 1; length < 16; length++) {
    const at = SORT_BUCKETS + (length << 2);
    const count = load<u32>(at);
    store<u32>(at, code);
    code = (code + count) << 1;
  }
  for (let i: u32 = 0; i < size; i++) {
    const length = <u32>load<u8>(lengths + i);
    let entry: u32 = 0;
    if (length > 0) {
      const at = SORT_BUCKETS + (length << 2);
      const value = load<u32>(at);
      store<u32>(at, value + 1);
      entry = reverse(value, length) | (length << 24);
    }
    store<u32>(codes + (i << 2), entry);
  }
}

function reverse(code: u32, length: u32): u32 {
  let bits = code;
  bits = ((bits & 0x5555) << 1) | ((bits >>> 1) & 0x5555);
  bits = ((bits & 0x3333) << 2) | ((bits >>> 2) & 0x3333);
  bits = ((bits & 0x0f0f) << 4) | ((bits >>> 4) & 0x0f0f);
  bits = ((bits & 0x00ff) << 8) | (bits >>> 8);
  return bits >>> (16 - length);
}
