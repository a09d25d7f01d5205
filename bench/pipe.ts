// npm run bench -- pipe [--rounds N] [--write] [--image NAME]
// A layer's way from its blob to its tar (verify, gunzip, verify), joined as nested generators, as Sifon has it, and by
// stream-chain; each run in a process of its own. Prints processor time and peak RSS.
import { spawnSync } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { Layer } from "../src/oci/image.ts";
import { provideImages } from "./images.ts";
import { median } from "./measure.ts";
import { machine, table, writeSection } from "./results.ts";

const built = (path: string) => import(new URL(`../dist/${path}`, import.meta.url).href);

interface Blob {
  readonly file: string;
  readonly digest: Layer["descriptor"]["digest"];
  readonly diffId: Layer["descriptor"]["digest"];
  readonly size: number;
}

const WAYS = ["nested generators", "stream-chain, 16 chunks a buffer (its default)", "stream-chain, 1 chunk a buffer"];

/** The largest layer of an image, in a file. */
async function fetchLayer(image: string): Promise<Blob & { readonly image: string }> {
  const { references, stop } = await provideImages([image]);
  const { createSource } = (await built("index.js")) as typeof import("../src/index.ts");
  const source = createSource(`docker://${references[0]}`, { noHttps: true });
  const signal = new AbortController().signal;
  try {
    const { layers } = await source.resolve({ signal });
    const layer = layers.reduce((a, b) => (b.descriptor.size > a.descriptor.size ? b : a)) as Layer;
    const { digest, size } = layer.descriptor;
    const folder = join(import.meta.dirname, "out", "pipe");
    const file = join(folder, digest.replace(":", "-"));
    mkdirSync(folder, { recursive: true });
    if (!existsSync(file)) {
      await pipeline(await layer.open({ signal }), createWriteStream(`${file}.part`));
      renameSync(`${file}.part`, file);
    }
    return { file, digest, size, diffId: layer.diffId ?? digest, image };
  } finally {
    await source.close();
    await stop();
  }
}

const { values } = parseArgs({
  options: {
    image: { type: "string", default: "lolcow" },
    rounds: { type: "string", default: "5" },
    write: { type: "boolean", default: false },
  },
});
const blob = await fetchLayer(values.image);
const results = new Map<string, { cpuMs: number; rss: number }[]>();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const way of WAYS) {
    const run = fileURLToPath(new URL("pipe-run.mjs", import.meta.url));
    const args = [run, way, JSON.stringify(blob)];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
    results.set(way, [...(results.get(way) ?? []), JSON.parse(stdout)]);
  }
}
const rows = [...results].map(([way, runs]) => [
  way,
  `${median(runs.map((run) => run.cpuMs)).toFixed(0)} ms`,
  `${(median(runs.map((run) => run.rss)) / 2 ** 20).toFixed(0)} MiB`,
]);
const report = [
  `The largest layer of ${blob.image}, ${(blob.size / 1e6).toFixed(0)} MB, from a file: hash, gunzip, hash. Medians of ${values.rounds} interleaved runs, a process each with the command line's flags for V8.`,
  table(["stages joined by", "processor time", "peak RSS"], rows),
  `${machine()}. Printed by \`npm run bench -- pipe --write\`.`,
].join("\n\n");
console.log(report);
if (values.write) writeSection("Joining the stages", report);
