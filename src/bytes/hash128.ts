/** Four 32-bit words, the highest first: the XXH128 of some bytes, as the core computes it. */
export type Hash128 = readonly [number, number, number, number];
