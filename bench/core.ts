// npm run bench -- core [--rounds N] [--share N] [--write]: the core beside node:zlib and Debian's C libraries, one thread,
// processor time, interleaved. --share 4 takes every fourth block, --write keeps the section "Core" of RESULTS.md.
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deflateSync } from "node:zlib";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import type { Compression } from "../src/wasm/compression.ts";
import type { Core } from "../src/wasm/core.ts";
import { type Corpus, loadCorpus } from "./corpus.ts";
import { median } from "./measure.ts";
import { type Native, startNative } from "./native.ts";
import { machine, table, writeSection } from "./results.ts";

interface Encoder {
  readonly name: string;
  /** Compresses all blocks of a kind once. */
  run(corpus: Corpus): Promise<{ ns: number; bytes: number }>;
}

interface Outcome {
  readonly ns: number;
  readonly bytes: number;
}

const OUT = join(import.meta.dirname, "out");
const INCOMPRESSIBLE = "random";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    share: { type: "string", default: "1" },
    write: { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds);
// Built code, by an address that the compiler does not follow: dist/ may not be there when types are checked.
const built = new URL("../dist/wasm/core.js", import.meta.url).href;
const { loadCore } = (await import(built)) as { loadCore: () => Core };

const corpora = [...loadCorpus().map(thin), randomCorpus()];
const native = startNative();
const encoders: readonly Encoder[] = [
  nativeEncoder("Debian zlib -9", "zlib", 9),
  nativeEncoder("Debian zlib -6", "zlib", 6),
  nodeEncoder(9),
  nodeEncoder(6),
  nodeEncoder(1),
  nativeEncoder("libdeflate -6", "libdeflate", 6),
  nativeEncoder("libdeflate -7", "libdeflate", 7),
  nativeEncoder("libdeflate -12", "libdeflate", 12),
  coreEncoder("core --fast", { kind: "gzip", level: "fast" }),
  coreEncoder("core default", { kind: "gzip", level: "default" }),
  coreEncoder("core --best", { kind: "gzip", level: "best" }),
  nativeEncoder("liblz4", "lz4", 0),
  nativeEncoder("liblz4 HC 9", "lz4", 9),
  coreEncoder("core lz4 fast", { kind: "lz4", level: "fast" }),
  coreEncoder("core lz4 best", { kind: "lz4", level: "best" }),
];

const outcomes = await measureAll();
native.close();
const hashes = await measureHashes();
const body = report(outcomes, hashes);
console.log(body);
if (options.write) writeSection("Core", body);

function thin(corpus: Corpus): Corpus {
  const share = Number(options.share);
  if (share === 1) return corpus;
  return writeBlocks(
    `${corpus.kind}.${share}`,
    corpus.blocks.filter((_, i) => i % share === 0),
    corpus.kind,
  );
}

/** Data that nothing can shrink; xorshift, so the same each time. */
function randomCorpus(): Corpus {
  let state = 1;
  const words = Uint32Array.from({ length: 1 << 20 }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  });
  const bytes = new Uint8Array(words.buffer);
  const blocks = Array.from({ length: 32 }, (_, i) => bytes.subarray(i * 131072, (i + 1) * 131072));
  return writeBlocks(INCOMPRESSIBLE, blocks, "compressed");
}

function writeBlocks(name: string, blocks: readonly Uint8Array[], kind: Corpus["kind"]): Corpus {
  mkdirSync(OUT, { recursive: true });
  const path = join(OUT, `${name}.blocks`);
  const sizes = blocks.map((block) => new Uint8Array(Uint32Array.of(block.length).buffer));
  writeFileSync(path, Buffer.concat(blocks.flatMap((block, i) => [sizes[i] as Uint8Array, block])));
  return { kind, path, blocks };
}

/** Processor time of this process in nanoseconds: other load on the machine does not count, as in native.c. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function timed(corpus: Corpus, compress: (block: Uint8Array) => number): Outcome {
  const begun = processorTime();
  let bytes = 0;
  for (const block of corpus.blocks) bytes += Math.min(compress(block), block.length);
  return { ns: processorTime() - begun, bytes };
}

function nativeEncoder(name: string, library: Parameters<Native["run"]>[0], level: number): Encoder {
  return {
    name,
    run: async (corpus) => {
      await native.load(corpus.path);
      return native.run(library, level);
    },
  };
}

function nodeEncoder(level: number): Encoder {
  return {
    name: `node:zlib -${level}`,
    run: async (corpus) => timed(corpus, (block) => deflateSync(block, { level }).length),
  };
}

function coreEncoder(name: string, compression: Compression): Encoder {
  const core = loadCore();
  return {
    name,
    run: async (corpus) => timed(corpus, (block) => core.compress(block, compression)?.length ?? block.length),
  };
}

/** Per encoder and kind, the median over the rounds; a round before them warms up. */
async function measureAll(): Promise<Outcome[][]> {
  const runs: Outcome[][][] = encoders.map(() => corpora.map(() => []));
  for (let round = 0; round <= rounds; round++) {
    for (const [c, corpus] of corpora.entries()) {
      for (const [e, encoder] of encoders.entries()) {
        const outcome = await encoder.run(corpus);
        if (round > 0) runs[e]?.[c]?.push(outcome);
      }
    }
  }
  return runs.map((kinds) =>
    kinds.map((outcomes) => ({ ns: median(outcomes.map(({ ns }) => ns)), bytes: outcomes[0]?.bytes ?? 0 })),
  );
}

/** MB/s of each hash over the random blocks, by the same clock; medians of interleaved rounds. */
async function measureHashes(): Promise<[string, number][]> {
  const core = loadCore();
  const corpus = corpora.at(-1) as Corpus;
  const zeros: Corpus = { ...corpus, blocks: corpus.blocks.map((block) => new Uint8Array(block.length)) };
  const sha256 = (block: Uint8Array): Uint8Array => {
    core.sha256.reset();
    core.sha256.update(block);
    return core.sha256.digest();
  };
  const hashes: [string, () => Outcome][] = [
    ["SHA-256: node:crypto", () => timed(corpus, (block) => createHash("sha256").update(block).digest().length)],
    ["SHA-256: core", () => timed(corpus, (block) => sha256(block).length)],
    ["SHA-256: @noble/hashes", () => timed(corpus, (block) => nobleSha256(block).length)],
    ["XXH128: core", () => timed(corpus, (block) => core.contentHash(block).length)],
    ["Adler-32: core", () => timed(corpus, (block) => core.adler32(block))],
    ["zero test: core", () => timed(zeros, (block) => (core.isZero(block) ? 1 : 0))],
  ];
  const rates: number[][] = hashes.map(() => []);
  const size = corpus.blocks.reduce((sum, block) => sum + block.length, 0);
  for (let round = 0; round < 8 * rounds; round++) {
    for (const [h, [, run]] of hashes.entries()) {
      const { ns } = run();
      if (round > 2) rates[h]?.push((size / Math.max(ns, 1000)) * 1000);
    }
  }
  return hashes.map(([name], h) => [name, median(rates[h] ?? [])]);
}

function report(all: readonly Outcome[][], hashRates: readonly [string, number][]): string {
  const sizes = corpora.map(({ blocks }) => blocks.reduce((sum, block) => sum + block.length, 0));
  const mixed = corpora.length - 1; // the last one is random
  const sum = (values: readonly number[]): number => values.slice(0, mixed).reduce((a, b) => a + b, 0);
  const total = sum(sizes);
  const first = all[0] as Outcome[];
  const rows = encoders.map(({ name }, e) => {
    const kinds = all[e] as Outcome[];
    const ns = sum(kinds.map((outcome) => outcome.ns));
    const bytes = sum(kinds.map((outcome) => outcome.bytes));
    const speedup = sum(first.map((outcome) => outcome.ns)) / ns;
    const growth = (bytes / sum(first.map((outcome) => outcome.bytes)) - 1) * 100;
    const perKind = kinds.map((outcome, c) => {
      const size = sizes[c] as number;
      return `${Math.round((size / outcome.ns) * 1000)} · ${(size / outcome.bytes).toFixed(3)}`;
    });
    const speed = ((total / ns) * 1000).toFixed(1);
    return [name, speed, (total / bytes).toFixed(3), speedup.toFixed(2), `${growth.toFixed(2)} %`, ...perKind];
  });
  const kindNames = corpora.map(({ kind }, c) => (c === mixed ? INCOMPRESSIBLE : kind));
  const head = ["encoder", "MB/s", "ratio", "× speed", "size", ...kindNames];
  return [
    `${machine()}, Debian zlib 1.2.13, libdeflate 1.14, liblz4 1.9.4; ` +
      `\`npm run bench -- core --rounds ${rounds} --share ${options.share} --write\`. One thread, processor time, medians of interleaved rounds; ` +
      "blocks of 128 KiB from `npm run bench -- corpus`. Speed and size against Debian's zlib -9, which mksquashfs " +
      "links. Per kind: MB/s · ratio; the random column is outside the sums.",
    "",
    table(head, rows),
    "",
    table(
      ["hash of 128 KiB blocks", "MB/s"],
      hashRates.map(([name, rate]) => [name, rate.toFixed(0)]),
    ),
    "",
    "Decision: blob and layer digests are computed by node:crypto, which uses the processor's SHA instructions and " +
      "is four times as fast as the core; @noble/hashes serves digests that node:crypto lacks, and the tests. " +
      "Duplicates are found by XXH128 in the worker that compresses the block.",
  ].join("\n");
}
