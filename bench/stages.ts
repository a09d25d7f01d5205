// npm run bench -- stages [--rounds N] [--write] [--image NAME | REFERENCE]
// Runs each stage of the pipe alone over the largest layer of an image (default: lolcow, in a registry of our own), with
// what it needs in memory, then the whole pipe over the whole image, with and without layer threads; prints what a block
// of 128 KiB costs the main thread and all threads.
import { readFileSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { PromptIterator } from "../src/bytes/prompt-iterator.ts";
import type { ContentStore } from "../src/fstree/content.ts";
import type { Compression } from "../src/index.ts";
import type { MergeLayer } from "../src/layer/merge/contract.ts";
import type { ImageSource, Layer } from "../src/oci/image.ts";
import type { TarEntry } from "../src/tar/entry.ts";
import type { BlockEncoder, LentBlock } from "../src/wasm/block-encoder.ts";
import { provideImages } from "./images.ts";
import { median } from "./measure.ts";
import { NoSink } from "./no-sink.ts";
import { machine, table, writeSection } from "./results.ts";

// The built modules, as users run them; their types are the sources'.
const built = (path: string) => import(new URL(`../dist/${path}`, import.meta.url).href);
const { convert, createSource, openSink } = (await built("index.js")) as typeof import("../src/index.ts");
const { lendMemory } = (await built("bytes/lease.js")) as typeof import("../src/bytes/lease.ts");
const { visitAll } = (await built("bytes/prompt-iterator.js")) as typeof import("../src/bytes/prompt-iterator.ts");
const { decompress } = (await built("layer/decompress.js")) as typeof import("../src/layer/decompress.ts");
const { LayerThreads } = (await built(
  "layer/thread/layer-threads.js",
)) as typeof import("../src/layer/thread/layer-threads.ts");
const { LAYER_THREAD } = (await built("source/thread/program.js")) as typeof import("../src/source/thread/program.ts");
const { readLayerEntries } = (await built("layer/open-layer.js")) as typeof import("../src/layer/open-layer.ts");
const { verifyBlob, verifyDiffId } = (await built("layer/verify.js")) as typeof import("../src/layer/verify.ts");
const { mergeLayers } = (await built(
  "layer/merge/merge-layers.js",
)) as typeof import("../src/layer/merge/merge-layers.ts");
const { readTar } = (await built("tar/read-tar.js")) as typeof import("../src/tar/read-tar.ts");
const { loadCore } = (await built("wasm/core.js")) as typeof import("../src/wasm/core.ts");
const { createBlockEncoder } = (await built(
  "wasm/create-block-encoder.js",
)) as typeof import("../src/wasm/create-block-encoder.ts");
const { SquashfsWriter } = (await built("squashfs/writer.js")) as typeof import("../src/squashfs/writer.ts");
const { BufferedFile } = (await built("sink/buffered-file.js")) as typeof import("../src/sink/buffered-file.ts");

const BLOCK = 128 * 1024;
/** Threads of the machine that the calculation is for. */
const MANY = 64;
const DEFAULT: Compression = { kind: "gzip", level: "default" };
const signal = new AbortController().signal;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    image: { type: "string", default: "lolcow" },
    rounds: { type: "string", default: "3" },
    write: { type: "boolean", default: false },
  },
});

interface Spent {
  readonly mainMs: number;
  readonly allMs: number;
}

/** Processor time of this thread (from the scheduler, in ns) and of the whole process. */
async function spent(run: () => Promise<void>): Promise<Spent> {
  const mainNs = () => Number(readFileSync("/proc/self/schedstat", "latin1").split(" ")[0]);
  const before = process.cpuUsage();
  const mainBefore = mainNs();
  await run();
  const { user, system } = process.cpuUsage(before);
  return { mainMs: (mainNs() - mainBefore) / 1e6, allMs: (user + system) / 1000 };
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function drain(chunks: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of chunks);
}

async function collect(chunks: AsyncIterable<Uint8Array>, size?: number): Promise<Uint8Array> {
  if (size === undefined) {
    const all: Uint8Array[] = [];
    for await (const chunk of chunks) all.push(Uint8Array.from(chunk));
    return Buffer.concat(all);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for await (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Takes files and forgets them. */
const NOWHERE: ContentStore = {
  add: async (_size, parts) => {
    if (!(parts instanceof Uint8Array)) await drain(parts);
    return 1;
  },
};

/** Lends buffers and gives blocks back as they are, each with a hash of its own. */
class IdleEncoder implements BlockEncoder {
  readonly blockSize = BLOCK;
  readonly slotCount = 16;
  readonly #free: Uint8Array[] = Array.from({ length: 16 }, () => new Uint8Array(BLOCK));
  #number = 0;

  async acquire(): Promise<Uint8Array> {
    return this.#free.pop() as Uint8Array;
  }

  async encode(buffer: Uint8Array, block: number | LentBlock) {
    const hash = [this.#number++, 0, 0, 0] as const;
    const bytes = typeof block === "number" ? buffer.subarray(0, block) : block.bytes;
    return { bytes, stored: true, hash, release: () => this.#free.push(buffer) };
  }

  async close(): Promise<void> {}
}

async function merge(entries: () => PromptIterator<TarEntry>, contents: ContentStore) {
  const layer: MergeLayer = { name: "layer", entries };
  return mergeLayers([layer], { contents, signal, implicitMtimeSec: 0 });
}

async function squashfs(entries: () => PromptIterator<TarEntry>, encoder: BlockEncoder): Promise<void> {
  const core = loadCore({ blockSize: BLOCK });
  const writer = new SquashfsWriter({ sink: new NoSink(), encoder, core, compression: DEFAULT });
  const { tree } = await merge(entries, writer.contents);
  await writer.finish(tree, { mtimeSec: 0 });
  await encoder.close();
}

/** Blocks through worker threads that only hash them, `count` times. */
async function throughWorkers(count: number): Promise<void> {
  const core = loadCore({ blockSize: BLOCK });
  const encoder = createBlockEncoder({ compression: { kind: "none" }, blockSize: BLOCK, workers: 2, core });
  const pending: Promise<void>[] = [];
  for (let i = 0; i < count; i++) {
    const buffer = await encoder.acquire();
    pending.push(encoder.encode(buffer, BLOCK).then((block) => block.release()));
    if (pending.length > 64) await pending.shift();
  }
  await Promise.all(pending);
  await encoder.close();
}

async function writeFile(bytes: Uint8Array): Promise<void> {
  const path = join(tmpdir(), `sifon-stages-${process.pid}`);
  const handle = await open(path, "w");
  try {
    const file = new BufferedFile(handle, { path });
    for (let at = 0; at < bytes.length; at += 60_000) await file.append(bytes.subarray(at, at + 60_000));
    await file.flush();
  } finally {
    await handle.close();
    await rm(path);
  }
}

/** A layer by a thread of its own, all that is done with it but the merge: this thread gets its entries. */
async function throughLayerThread(layer: Layer): Promise<void> {
  const threads = new LayerThreads([layer], { program: LAYER_THREAD, signal, threadCount: 1, bufferSize: 2 << 20 });
  await visitAll(threads.entries(0), () => {});
  await threads.close();
}

/** The whole conversion, as it is run; gives the number of blocks' worth of content. */
async function pipe(image: string, layerThreads: number, detach: boolean): Promise<number> {
  const path = join(tmpdir(), `sifon-stages-${process.pid}.sif`);
  const whole = createSource(`docker://${image}`, { noHttps: true });
  try {
    const sink = await openSink(path, { overwrite: true });
    const from = detach ? whole : attached(whole);
    return (await convert({ source: from, sink, signal, layerThreads })).contentSize / BLOCK;
  } finally {
    await whole.close();
    await rm(path, { force: true });
  }
}

/** The source, its layers received by the main thread whoever reads them. */
function attached(whole: ImageSource): ImageSource {
  return {
    resolve: async (options) => {
      const image = await whole.resolve(options);
      return { ...image, layers: image.layers.map((layer) => ({ ...layer, open: (options) => layer.open(options) })) };
    },
    close: () => whole.close(),
  };
}

function compress(tar: Uint8Array, blocks: number): void {
  const core = loadCore({ blockSize: BLOCK });
  for (let i = 0; i < blocks; i++) core.compress(tar.subarray(i * BLOCK, (i + 1) * BLOCK), DEFAULT);
}

const { references, stop } = await provideImages(positionals.length === 0 ? [values.image] : []);
const name = (positionals[0] ?? references[0]) as string;
const source = createSource(`docker://${name}`, { noHttps: true });
try {
  const { layers } = await source.resolve({ signal });
  const layer = layers.reduce((a, b) => (b.descriptor.size > a.descriptor.size ? b : a)) as Layer;
  const { digest, size } = layer.descriptor;
  const blob = await collect((await layer.open({ signal })) as AsyncIterable<Uint8Array>, size);
  const tar = await collect(decompress(pieces(blob, 65536), { digest }));
  const entries = () => readTar(pieces(tar, 256 * 1024), { name: digest });
  // As a layer's thread lends it.
  const lent = new Uint8Array(new SharedArrayBuffer(tar.length));
  lent.set(tar);
  lendMemory(lent.buffer, () => ({ keep: () => {}, release: () => {} }));
  const lentEntries = () => readTar(pieces(lent, 1024 * 1024), { name: digest });
  const blocks = tar.length / BLOCK;
  let entryCount = 0;
  for await (const _ of entries()) entryCount++;
  // A fortieth of it is enough for a figure, and is repeated often enough by then.
  const sample = Math.min(Math.floor(blocks), 400);

  const mergeOnly = () => merge(entries, NOWHERE).then(() => {});
  const STAGES: readonly { name: string; run: () => Promise<void>; less?: string; scale?: number }[] = [
    {
      name: "receive from a registry on this machine",
      run: async () => drain((await layer.open({ signal })) as AsyncIterable<Uint8Array>),
    },
    { name: "SHA-256 of the blob", run: () => drain(verifyBlob(pieces(blob, 65536), layer.descriptor)) },
    { name: "gunzip", run: () => drain(decompress(pieces(blob, 65536), { digest })) },
    {
      name: "SHA-256 of the tar",
      run: () => drain(verifyDiffId(pieces(tar, 256 * 1024), layer.diffId ?? digest, digest)),
    },
    { name: "read the tar", run: () => drain(entries()) },
    { name: "merge", run: mergeOnly, less: "read the tar" },
    { name: "squashfs: cut, copy, commit, tables", run: () => squashfs(entries, new IdleEncoder()), less: "merge" },
    {
      name: "the same, blocks left in a layer thread's memory",
      run: () => squashfs(lentEntries, new IdleEncoder()),
      less: "merge",
    },
    { name: "hand blocks to threads and back", run: () => throughWorkers(Math.ceil(blocks)) },
    { name: "compress (a worker's part)", run: async () => compress(tar, sample), scale: blocks / sample },
    { name: "write the file", run: () => writeFile(blob) },
    { name: "the layer's stages together", run: () => drain(readLayerEntries(layer, { signal })) },
    { name: "the same, by a layer thread", run: () => throughLayerThread(layer) },
  ];
  const results = new Map<string, Spent[]>();
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const { name: stage, run, scale = 1 } of STAGES) {
      const { mainMs, allMs } = await spent(run);
      // The first round warms up.
      if (round > 0)
        results.set(stage, [...(results.get(stage) ?? []), { mainMs: mainMs * scale, allMs: allMs * scale }]);
      console.error(`round ${round}, ${stage}: ${mainMs.toFixed(0)} ms, ${allMs.toFixed(0)} ms in all threads`);
    }
  }
  const PIPES = [
    ["layers read by the main thread", 0, true],
    ["layers read by threads, received by the main thread", 2, false],
    ["layers received and read by threads", 2, true],
  ] as const;
  const pipes = new Map<string, Spent[]>();
  for (let round = 0; round <= Number(values.rounds); round++) {
    for (const [way, layerThreads, detach] of PIPES) {
      let wholeBlocks = 0;
      const { mainMs, allMs } = await spent(async () => {
        wholeBlocks = await pipe(name, layerThreads, detach);
      });
      const [main, all] = [mainMs / wholeBlocks, allMs / wholeBlocks];
      if (round > 0) pipes.set(way, [...(pipes.get(way) ?? []), { mainMs: main, allMs: all }]);
      console.error(
        `round ${round}, the pipe, ${way}: ${(main * 1000).toFixed(0)} µs, ${(all * 1000).toFixed(0)} in all`,
      );
    }
  }
  const cost = (stage: string) => {
    const of = results.get(stage) as Spent[];
    return { mainMs: median(of.map((r) => r.mainMs)), allMs: median(of.map((r) => r.allMs)) };
  };
  // What a stage had to run along with, to run at all, is taken off; "merge" includes reading the tar.
  const net = (stage: (typeof STAGES)[number]) => {
    const own = cost(stage.name);
    const less = stage.less === undefined ? { mainMs: 0, allMs: 0 } : cost(stage.less);
    return { mainMs: Math.max(0, own.mainMs - less.mainMs), allMs: Math.max(0, own.allMs - less.allMs) };
  };
  const perBlock = (ms: number) => `${((ms * 1000) / blocks).toFixed(0)} µs`;
  const speed = (ms: number) => `${(tar.length / 1e3 / ms).toFixed(0)} MB/s`;
  const rows = STAGES.map((stage) => {
    const { mainMs, allMs } = net(stage);
    return [stage.name, perBlock(mainMs), perBlock(allMs), speed(mainMs)];
  });
  const stage = (start: string) => net(STAGES.find(({ name: n }) => n.startsWith(start)) as (typeof STAGES)[number]);
  const sum = (...starts: readonly string[]) => starts.reduce((total, start) => total + stage(start).mainMs, 0);
  const rest = ["merge", "hand blocks", "write"];
  const received = ["receive", "SHA-256 of the blob", "gunzip", "SHA-256 of the tar"];
  const alone = sum(...received, "read the tar", "squashfs", ...rest);
  const besideThreads = sum("the same, by", "the same, blocks", ...rest);
  rows.push(["**main thread, without layer threads**", `**${perBlock(alone)}**`, "", `**${speed(alone)}**`]);
  rows.push([
    "**main thread, with layer threads**",
    `**${perBlock(besideThreads)}**`,
    "",
    `**${speed(besideThreads)}**`,
  ]);
  const pipeRows = PIPES.map(([way]) => {
    const of = pipes.get(way) as Spent[];
    const [main, all] = [median(of.map((r) => r.mainMs)), median(of.map((r) => r.allMs))];
    return {
      way,
      main,
      cells: [
        way,
        `${(main * 1000).toFixed(0)} µs`,
        `${(all * 1000).toFixed(0)} µs`,
        `${(BLOCK / 1e3 / main).toFixed(0)} MB/s`,
      ],
    };
  });
  // By calculation: no machine with that many processors is at hand.
  const atManyWorkers = () => {
    const compressMs = stage("compress").mainMs;
    const inflateMs = Math.max(stage("gunzip").allMs - stage("gunzip").mainMs, sum(...received, "read the tar"));
    const pipeMs = (pipeRows[2] as { main: number }).main * blocks;
    const [slowest, what] = pipeMs > inflateMs ? [pipeMs, "the main thread"] : [inflateMs, "the layer's thread"];
    return [
      `With ${MANY} workers, by calculation from these costs: ${MANY} workers compress ${speed(compressMs / MANY)}; a layer's threads (one receives and hashes, one of zlib inflates) take ${speed(inflateMs)} of one layer; the main thread passes on ${speed(pipeMs)} (${speed((pipeRows[0] as { main: number }).main * blocks)} where it reads the layers itself).`,
      `A worker compresses ${speed(compressMs)}: ${(compressMs / slowest).toFixed(1)} are kept busy by a single large layer, and beyond them ${what} limits. Layers that lie ready in the buffer of the one ahead come at the main thread's speed, enough for ${(compressMs / pipeMs).toFixed(1)} workers.`,
    ].join("\n\n");
  };
  const report = [
    `The largest layer of ${name.slice(name.indexOf("/") + 1)}: ${(size / 1e6).toFixed(0)} MB, ${(tar.length / 1e6).toFixed(0)} MB unpacked, ${entryCount} entries, ${blocks.toFixed(0)} blocks of 128 KiB. Processor time per block; speed in bytes of the tar, if that stage alone were to limit. Medians of ${values.rounds} runs.`,
    table(["stage", "main thread", "all threads", "limit"], rows),
    `The whole conversion of that image into a file, all layers; the first run, which warms up, is not counted:`,
    table(
      ["the pipe", "main thread", "all threads", "limit"],
      pipeRows.map(({ cells }) => cells),
    ),
    atManyWorkers(),
    `${machine()}. Printed by \`npm run bench -- stages --write\`.`,
  ].join("\n\n");
  console.log(report);
  if (values.write) writeSection("Stages", report);
} finally {
  await source.close();
  await stop();
}
