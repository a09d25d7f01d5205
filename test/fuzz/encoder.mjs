// node test/fuzz/encoder.mjs [--count N] [--seed N] [--only N]: encodes made-up data of 0 to 1 MiB at every level,
// twice: in an instance that has done all the data before, and in a fresh one. The bytes must be the same, smaller than
// the input, and decode to it (zlib's by node:zlib). Needs dist/. `--only N` repeats one.
import { parseArgs } from "node:util";
import { inflateSync } from "node:zlib";
import { lz4Decompressor } from "../../dist/squashfs/decompressors/lz4.js";
import { loadCore } from "../../dist/wasm/core.js";

const LIMIT = 1 << 20;
const COMPRESSIONS = [
  ...["fast", "default", "best"].map((level) => ({ kind: "gzip", level })),
  ...["fast", "best"].map((level) => ({ kind: "lz4", level })),
];

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "300" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});
const first = Number(values.only ?? 0);
const end = values.only === undefined ? Number(values.count) : first + 1;
const used = loadCore({ blockSize: LIMIT });
let stored = 0;
let encoded = 0;
for (let number = first; number < end; number++) {
  const input = makeUp(randomWords(Number(values.seed) * 1_000_003 + number + 1));
  for (const compression of COMPRESSIONS) {
    const name = `data ${number}, ${input.length} bytes, ${compression.kind} ${compression.level}`;
    const bytes = used.compress(input, compression)?.slice();
    const again = loadCore({ blockSize: Math.max(1, input.length) }).compress(input, compression);
    if (Buffer.compare(bytes ?? input, again ?? input) !== 0) fail(`${name}: a fresh instance gives other bytes`);
    if (bytes === undefined) {
      stored++;
      continue;
    }
    encoded++;
    if (bytes.length >= input.length) fail(`${name}: ${bytes.length} bytes, not smaller`);
    const decoded = compression.kind === "gzip" ? inflateSync(bytes) : lz4Decompressor.decompress(bytes, input.length);
    if (Buffer.compare(decoded, input) !== 0) fail(`${name}: decodes to something else`);
  }
}
console.log(`${end - first} inputs, ${encoded} encoded, ${stored} stored`);

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Pieces of noise over alphabets, text, runs, copies from near and far, holes; of any size, also 0 and the limit. */
function makeUp(next) {
  const size = [0, LIMIT, LIMIT - 1, next() % 300, next() % 70_000, next() % (LIMIT + 1)][next() % 6];
  const bytes = new Uint8Array(size);
  const longest = [40, 1000, 60_000][next() % 3];
  for (let at = 0; at < size; ) {
    const length = Math.min(size - at, 1 + (next() % longest));
    const kind = next() % 6;
    const mask = [1, 3, 15, 63, 127, 255][next() % 6];
    if (kind === 0) for (let i = 0; i < length; i++) bytes[at + i] = next() & mask;
    else if (kind === 1) bytes.fill(next() & 255, at, at + length);
    else if (kind === 2) {
      const period = 1 + (next() % 300);
      for (let i = 0; i < length; i++) bytes[at + i] = i < period ? next() & mask : bytes[at + i - period];
    } else if (kind === 3 && at > 0) {
      const back = 1 + (next() % Math.min(at, [8, 32_768, 32_769, 65_535, 65_536, LIMIT][next() % 6]));
      for (let i = 0; i < length; i++) bytes[at + i] = bytes[at + i - back];
    } else if (kind === 4) for (let i = 0; i < length; i++) bytes[at + i] = 97 + (next() % 7) * (next() % 4);
    at += length;
  }
  return bytes;
}

function randomWords(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state >>> 2;
  };
}
