// npm run bench -- memory [--quick] [--workers N] [--only WORD] [--write]
// Converts made-up images of ever more and ever larger files, and prints time and peak RSS of each.
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SIFON_MAIN } from "../test/support/sifon.ts";
import { type SyntheticEntry, writeSyntheticImage } from "../test/support/synthetic-image.ts";
import { provideImages } from "./images.ts";
import { type Cost, measure } from "./measure.ts";
import { machine, table, writeSection } from "./results.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    workers: { type: "string", default: "2" },
    only: { type: "string", default: "" },
    write: { type: "boolean", default: false },
  },
});

interface Shape {
  readonly name: string;
  /** Left out by --quick. */
  readonly isLong?: boolean;
  layers(): Iterable<Iterable<SyntheticEntry>>;
}

/** So many files, in directories of so many. */
function* files(count: number, size: number, perDirectory = 100): Generator<SyntheticEntry> {
  for (let i = 0; i < count; i++) {
    const directory = Math.floor(i / perDirectory);
    const parent = `tree/${directory % 100}/directory-${directory}/`;
    if (i % perDirectory === 0) yield { path: parent };
    yield { path: `${parent}file-number-${i}.txt`, size };
  }
}

/** A path in each of so many directories, new or covering one of the layer below. */
function* layersOf(count: number, perLayer: number): Generator<Iterable<SyntheticEntry>> {
  for (let layer = 0; layer < count; layer++) {
    yield (function* () {
      for (let i = 0; i < perLayer; i++) {
        const owner = i % 2 === 0 ? layer : layer >> 1;
        yield { path: `opt/package-${i % 97}/share/of-layer-${owner}/file-${i}`, size: 100 + i };
      }
    })();
  }
}

const SHAPES: readonly Shape[] = [
  { name: "1 file of 1 KB", layers: () => [[{ path: "one", size: 1000 }]] },
  { name: "1 file of 100 MB", layers: () => [[{ path: "one", size: 1e8 }]] },
  { name: "1 file of 4 GB", isLong: true, layers: () => [[{ path: "one", size: 4e9 }]] },
  { name: "1,000 files of 200 KB", layers: () => [files(1000, 200_000)] },
  { name: "10,000 files of 4 KB", layers: () => [files(10_000, 4000)] },
  { name: "50,000 files of 4 KB", layers: () => [files(50_000, 4000)] },
  { name: "100,000 files of 1 KB in one directory", layers: () => [files(100_000, 1000, 1e9)] },
  { name: "10,000 paths in each of 100 layers", isLong: true, layers: () => layersOf(100, 10_000) },
  { name: "1,000,000 files of 1 KB", isLong: true, layers: () => [files(1_000_000, 1000)] },
  { name: "1,000,000 empty files", isLong: true, layers: () => [files(1_000_000, 0)] },
];

const folder = join(import.meta.dirname, "out", "memory");
mkdirSync(folder, { recursive: true });
const rows: string[][] = [];

function addRow(name: string, cost: Cost, output: string): void {
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const row = [name, mebibytes(cost.peakRss), seconds(cost.cpuMs), seconds(cost.wallMs)];
  rows.push([...row, mebibytes(statSync(output).size)]);
  console.error(rows.at(-1)?.join(", "));
}

for (const shape of SHAPES) {
  if ((values.quick && shape.isLong) || !shape.name.includes(values.only)) continue;
  const layout = join(folder, shape.name.replaceAll(/[^a-zA-Z0-9]+/g, "-"));
  if (!existsSync(join(layout, "oci-layout"))) await writeSyntheticImage(layout, shape.layers());
  const output = join(folder, "out.sif");
  const flags = ["--quiet", "build", "--force", "--workers", values.workers];
  const command = [process.execPath, SIFON_MAIN, ...flags, output, `oci:${layout}:latest`];
  try {
    const cost = await measure(command, folder, process.env);
    addRow(shape.name, cost, output);
  } finally {
    rmSync(output, { force: true });
    if (shape.isLong) rmSync(layout, { recursive: true, force: true });
  }
}
// What keeping costs: each layer is hashed and written a second time.
for (const [name, flags] of [
  ["lolcow, from a registry", ["--disable-cache"]],
  ["lolcow, from a registry, with --cache", ["--cache"]],
] as const) {
  if (values.quick || !name.includes(values.only)) continue;
  const { references, stop } = await provideImages(["lolcow"]);
  const [output, cache] = [join(folder, "out.sif"), join(folder, "cache")];
  const fixed = ["--quiet", "build", "--force", "--no-https", "--workers", values.workers];
  try {
    const command = [process.execPath, SIFON_MAIN, ...fixed, ...flags, output, `docker://${references[0]}`];
    addRow(name, await measure(command, folder, { ...process.env, SIFON_CACHEDIR: cache }), output);
  } finally {
    await stop();
    for (const path of [output, cache]) rmSync(path, { recursive: true, force: true });
  }
}
const report = [
  table(["image", "peak RSS", "CPU", "wall", "output"], rows),
  `${machine()}, ${values.workers} workers. The images are made up, OCI layouts of gzip-ed layers; lolcow comes out of a registry on this machine. Peak RSS is that of all processes, looked at every 20 ms. Printed by \`npm run bench -- memory --write\`.`,
].join("\n\n");
console.log(report);
if (values.write) writeSection("Memory", report);
