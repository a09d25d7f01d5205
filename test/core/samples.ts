/** A kind of data, of any size, the same each time. */
export interface Sample {
  readonly name: string;
  readonly make: (size: number) => Uint8Array;
}

/** Numbers below 2^32 from a fixed seed (xorshift32). */
export function randomWords(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

function fill(size: number, next: (index: number) => number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = next(i);
  return bytes;
}

function repeat(pattern: Uint8Array, size: number): Uint8Array {
  return fill(size, (i) => pattern[i % pattern.length] ?? 0);
}

const WORDS = "the of and to in is that for it as was with be by on not he his but at are this have from or".split(" ");

function text(size: number): Uint8Array {
  const next = randomWords(7);
  let written = "";
  while (written.length < size) {
    written += WORDS[next() % WORDS.length] + (next() % 11 === 0 ? ".\n" : " ");
  }
  return new TextEncoder().encode(written.slice(0, size));
}

/**
 * A hundred bytes about equally often, so that little repeats, and seventeen more about as often as the
 * Fibonacci numbers: a free Huffman tree gives each of those a bit more than the next.
 */
function fibonacci(size: number): Uint8Array {
  const weights = [1, 1];
  while (weights.length < 17) weights.push((weights.at(-1) ?? 0) + (weights.at(-2) ?? 0));
  while (weights.length < 117) weights.push(1600);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const next = randomWords(3);
  return fill(size, () => {
    let point = next() % total;
    let symbol = 0;
    while (point >= (weights[symbol] ?? total)) point -= weights[symbol++] ?? 0;
    return symbol * 2;
  });
}

/** A random block and itself again, `distance` bytes later. */
function echo(distance: number): (size: number) => Uint8Array {
  return (size) => {
    const next = randomWords(distance);
    const bytes = fill(size, () => next() >>> 11);
    for (let i = distance; i < size; i++) bytes[i] = bytes[i - distance] ?? 0;
    return bytes;
  };
}

/** Kinds that have broken encoders: each names what it is after. */
export const SAMPLES: readonly Sample[] = [
  { name: "zeros", make: (size) => new Uint8Array(size) },
  { name: "constant 0xff", make: (size) => new Uint8Array(size).fill(255) },
  { name: "random", make: (size) => fill(size, randomNext(1)) },
  { name: "four random symbols", make: (size) => fill(size, randomNext(2, 3)) },
  { name: "text", make: text },
  { name: "period 2", make: (size) => repeat(Uint8Array.of(1, 2), size) },
  { name: "period 3", make: (size) => repeat(Uint8Array.of(1, 2, 3), size) },
  { name: "period 258", make: (size) => repeat(fill(258, randomNext(4)), size) },
  { name: "period 259", make: (size) => repeat(fill(259, randomNext(4)), size) },
  { name: "every byte once per 256", make: (size) => fill(size, (i) => i) },
  { name: "Fibonacci counts (codes over 15 bits)", make: fibonacci },
  { name: "echo at the window's edge, 32768", make: echo(32768) },
  { name: "echo past the window, 32769", make: echo(32769) },
  { name: "echo at 65536, where positions wrap", make: echo(65536) },
  { name: "sparse", make: (size) => fill(size, (i) => (i % 1000 === 999 ? i >>> 3 : 0)) },
  {
    name: "runs of 258 zeros between random bytes",
    make: (size) => {
      const next = randomNext(5);
      return fill(size, (i) => (i % 259 === 0 ? next() : 0));
    },
  },
  {
    name: "matches of 3 only",
    make: (size) => {
      const next = randomWords(6);
      const bytes = new Uint8Array(size);
      for (let i = 0; i < size; i++) bytes[i] = i % 4 === 3 ? next() >>> 7 : (next() >>> 9) & (i % 4 === 0 ? 7 : 1);
      return bytes;
    },
  },
  {
    name: "random, then text, then zeros",
    make: (size) => {
      const third = Math.ceil(size / 3);
      const bytes = new Uint8Array(size);
      bytes.set(fill(Math.min(third, size), randomNext(8)));
      bytes.set(text(Math.max(0, Math.min(third, size - third))), Math.min(third, size));
      return bytes;
    },
  },
];

function randomNext(seed: number, mask = 255): () => number {
  const next = randomWords(seed);
  return () => (next() >>> 9) & mask;
}
