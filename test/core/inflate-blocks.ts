/** A deflate block as it was found in a stream. */
export interface InflatedBlock {
  readonly type: "stored" | "fixed" | "dynamic";
  /** Bytes of output. */
  readonly size: number;
  /** Code lengths and how often each symbol was used, of the literal/length and the distance code. */
  readonly literals: { readonly lengths: readonly number[]; readonly counts: readonly number[] };
  readonly distances: { readonly lengths: readonly number[]; readonly counts: readonly number[] };
}

/**
 * A plain inflater by RFC 1951, which keeps what node:zlib does not tell: the blocks, their codes and the use
 * of each symbol. `stream` is zlib's form; its frame is not checked.
 */
export function inflateBlocks(stream: Uint8Array): { output: Uint8Array; blocks: InflatedBlock[] } {
  const output: number[] = [];
  const blocks: InflatedBlock[] = [];
  let bit = 16;
  const take = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++, bit++) value |= (((stream[bit >> 3] ?? 0) >> (bit & 7)) & 1) << i;
    return value;
  };
  let last = false;
  while (!last) {
    last = take(1) === 1;
    const type = (["stored", "fixed", "dynamic"] as const)[take(2)];
    if (type === undefined) throw new Error("block type 3");
    const start = output.length;
    let literals: number[] = [];
    let distances: number[] = [];
    if (type === "stored") {
      bit = (bit + 7) & ~7;
      const size = take(16);
      if ((size ^ take(16)) !== 0xffff) throw new Error("stored size");
      for (let i = 0; i < size; i++) output.push(take(8));
    } else if (type === "fixed") {
      literals = [144, 112, 24, 8].flatMap((count, i) => Array<number>(count).fill([8, 9, 7, 8][i] as number));
      distances = Array<number>(30).fill(5);
    } else {
      [literals, distances] = readHeader(take);
    }
    const counts = { literals: literals.map(() => 0), distances: distances.map(() => 0) };
    if (type !== "stored") {
      const symbols = decoder(literals, take);
      const slots = decoder(distances, take);
      for (let symbol = symbols(); ; symbol = symbols()) {
        counts.literals[symbol] = (counts.literals[symbol] ?? 0) + 1;
        if (symbol === 256) break;
        if (symbol < 256) {
          output.push(symbol);
          continue;
        }
        const length = lengthOf(symbol - 257, take);
        const slot = slots();
        counts.distances[slot] = (counts.distances[slot] ?? 0) + 1;
        const extra = slot < 4 ? 0 : (slot >> 1) - 1;
        const base = slot < 4 ? slot : (2 + (slot & 1)) << extra;
        const distance = base + take(extra) + 1;
        if (slot > 29 || distance > output.length) throw new Error(`distance ${distance} at ${output.length}`);
        for (let i = 0; i < length; i++) output.push(output[output.length - distance] as number);
      }
    }
    blocks.push({
      type,
      size: output.length - start,
      literals: { lengths: literals, counts: counts.literals },
      distances: { lengths: distances, counts: counts.distances },
    });
  }
  return { output: Uint8Array.from(output), blocks };
}

function lengthOf(index: number, take: (count: number) => number): number {
  if (index === 28) return 258;
  const extra = index < 8 ? 0 : (index >> 2) - 1;
  return 3 + (index < 8 ? index : (4 + (index & 3)) << extra) + take(extra);
}

function readHeader(take: (count: number) => number): [number[], number[]] {
  const literalCount = take(5) + 257;
  const distanceCount = take(5) + 1;
  const precode = Array<number>(19).fill(0);
  const order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].slice(0, take(4) + 4);
  for (const symbol of order) precode[symbol] = take(3);
  const next = decoder(precode, take);
  const lengths: number[] = [];
  while (lengths.length < literalCount + distanceCount) {
    const symbol = next();
    if (symbol < 16) lengths.push(symbol);
    else if (symbol === 16) lengths.push(...Array<number>(3 + take(2)).fill(lengths.at(-1) as number));
    else lengths.push(...Array<number>(symbol === 17 ? 3 + take(3) : 11 + take(7)).fill(0));
  }
  if (lengths.length !== literalCount + distanceCount) throw new Error("code lengths overrun");
  return [lengths.slice(0, literalCount), lengths.slice(literalCount)];
}

function decoder(lengths: readonly number[], take: (count: number) => number): () => number {
  const symbols = new Map<number, number>();
  let code = 0;
  for (let length = 1; length < 16; length++) {
    code <<= 1;
    lengths.forEach((of, symbol) => {
      if (of === length) symbols.set((length << 16) | code++, symbol);
    });
    if (code > 1 << length) throw new Error("code is over-full");
  }
  return () => {
    let bits = 0;
    for (let length = 1; length < 16; length++) {
      bits = (bits << 1) | take(1);
      const symbol = symbols.get((length << 16) | bits);
      if (symbol !== undefined) return symbol;
    }
    throw new Error("no such code");
  };
}
