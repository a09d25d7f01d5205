// npm run bench -- squash [--write] [--image NAME]... [URI...]
// Converts images (default: lolcow and scientific, in a registry of our own, and a made-up one of 20 layers that rewrite each other's
// files) and prints what merging saved, by layer, from the conversion's own report.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type SyntheticEntry, writeSyntheticImage } from "../test/support/synthetic-image.ts";
import { provideImages } from "./images.ts";
import { NoSink } from "./no-sink.ts";
import { machine, table, writeSection } from "./results.ts";

const index: string = new URL("../dist/index.js", import.meta.url).href;
const { convert, createSource } = (await import(index)) as typeof import("../src/index.ts");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    image: { type: "string", multiple: true, default: [] },
    write: { type: "boolean", default: false },
  },
});

/** Layers that a table shows. */
const MOST_ROWS = 12;

/** As `RUN` lines of a Dockerfile that update the same files again and again, and copy some. */
function* rewriting(): Generator<Iterable<SyntheticEntry>> {
  for (let layer = 0; layer < 20; layer++) {
    yield (function* () {
      for (let i = 0; i < 300; i++) yield { path: `opt/layer-${layer}/file-${i}`, size: 20_000 };
      for (let i = 0; i < 100; i++) yield { path: `var/lib/state/file-${i}`, size: 50_000 };
    })();
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
const percent = (part: number, whole: number): string => `${whole === 0 ? 0 : ((100 * part) / whole).toFixed(1)} %`;

async function report(name: string, uri: string): Promise<string> {
  const source = createSource(uri, { noHttps: true });
  try {
    let compressed = 0;
    const sink = new NoSink();
    const { layers, size, fileCount, contentSize, duplicateSize } = await convert({
      source,
      sink,
      onProgress: (event) => {
        if (event.kind === "image") compressed = event.compressedSize;
      },
    });
    const rows = layers.map((layer, i) => [
      ...[`${i + 1}`, `${layer.entries}`, `${layer.entriesHidden}`],
      ...[layer.bytesRead, layer.bytesHidden, layer.bytesDuplicate, layer.bytesStored].map(megabytes),
    ]);
    // Of many layers the first and the last few.
    if (rows.length > MOST_ROWS) rows.splice(2, rows.length - 4, ["…", "", "", "", "", "", ""]);
    const sum = (of: (layer: (typeof layers)[number]) => number) =>
      layers.reduce((total, layer) => total + of(layer), 0);
    const [read, hidden] = [sum((l) => l.bytesRead), sum((l) => l.bytesHidden)];
    rows.push([
      "all",
      ...[`${sum((l) => l.entries)}`, `${sum((l) => l.entriesHidden)}`],
      ...[
        megabytes(read),
        megabytes(hidden),
        megabytes(sum((l) => l.bytesDuplicate)),
        megabytes(sum((l) => l.bytesStored)),
      ],
    ]);
    return [
      `**${name}**: ${layers.length} layers of ${megabytes(compressed)} compressed become ${fileCount} inodes in ${megabytes(size)}. ${percent(hidden, read)} of the files' bytes were hidden by higher layers and never compressed, ${percent(duplicateSize, contentSize)} of the rest were there already; the SIF is ${percent(size, compressed)} of the layers.`,
      table(["layer", "entries", "hidden", "files", "hidden", "duplicate", "in the SIF"], rows),
    ].join("\n\n");
  } finally {
    await source.close();
  }
}

const parts: string[] = [];
const isDefault = positionals.length + values.image.length === 0;
const { references, stop } = await provideImages(isDefault ? ["lolcow", "scientific"] : values.image);
try {
  for (const reference of references)
    parts.push(await report(reference.slice(reference.indexOf("/") + 1), `docker://${reference}`));
} finally {
  await stop();
}
for (const uri of positionals) parts.push(await report(uri, uri));
if (isDefault) {
  const folder = join(import.meta.dirname, "out", "squash");
  if (!existsSync(join(folder, "oci-layout"))) await writeSyntheticImage(folder, rewriting());
  parts.push(await report("20 layers that rewrite 100 files of one directory", `oci:${folder}:latest`));
}
parts.push(`${machine()}. Printed by \`npm run bench -- squash --write\`.`);
console.log(parts.join("\n\n"));
if (values.write) writeSection("Squash", parts.join("\n\n"));
