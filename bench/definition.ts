// npm run bench -- definition [--rounds N] [--write]
// Builds a definition whose %post touches ten files of the Singularity manual's image (350 MB unpacked) with Sifon and
// with Apptainer, in turn, and prints a table of medians. --write puts it into bench/RESULTS.md. Apptainer runs as an ordinary
// user with subordinate ids: its root cannot run %post on machines that keep privileges back.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findApptainer } from "../test/support/apptainer.ts";
import { LAB } from "../test/support/lab.ts";
import { SIFON_MAIN } from "../test/support/sifon.ts";
import { provideImages } from "./images.ts";
import { type Cost, measure, median } from "./measure.ts";
import { machine, table, writeSection } from "./results.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "3" }, write: { type: "boolean", default: false } },
});
const rounds = Number(values.rounds);
const apptainer = findApptainer();
const contenders = [
  { name: "Sifon", program: [process.execPath, SIFON_MAIN, "build"], env: {} },
  ...(apptainer === undefined
    ? []
    : [{ name: "Apptainer", program: [apptainer, "build", "--disable-cache"], env: { LAB_USER: "1" } }]),
];

async function buildOnce(contender: (typeof contenders)[number], image: string): Promise<Cost & { size: number }> {
  const folder = mkdtempSync(join(tmpdir(), "sifon-bench-"));
  try {
    const scratch = join(folder, "tmp");
    mkdirSync(scratch);
    for (const path of [folder, scratch]) chmodSync(path, 0o777);
    const lines = Array.from({ length: 10 }, (_, i) => `    touch /etc/touched-${i}\n`).join("");
    writeFileSync(join(folder, "x.def"), `Bootstrap: docker\nFrom: ${image}\n\n%post\n${lines}`);
    execFileSync("sync");
    const env = { ...process.env, TMPDIR: scratch, APPTAINER_TMPDIR: scratch, SIFON_LAB: LAB, ...contender.env };
    const cost = await measure([...contender.program, "--no-https", "x.sif", "x.def"], folder, env);
    return { ...cost, size: statSync(join(folder, "x.sif")).size };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const { references, stop } = await provideImages(["lolcow"]);
try {
  const image = references[0] as string;
  const runs = contenders.map((): (Cost & { size: number })[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const cost = await buildOnce(contender, image);
      runs[i]?.push(cost);
      console.error(`round ${round + 1}, ${contender.name}: ${(cost.wallMs / 1000).toFixed(2)} s`);
    }
  }
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const rows = runs.map((costs, i) => {
    const of = (pick: (cost: Cost & { size: number }) => number) => median(costs.map(pick));
    const seconds = (pick: (cost: Cost) => number) => `${(of(pick) / 1000).toFixed(2)} s`;
    return [
      contenders[i]?.name ?? "",
      seconds((cost) => cost.wallMs),
      seconds((cost) => cost.cpuMs),
      mebibytes(of((cost) => cost.peakRss)),
      mebibytes(of((cost) => cost.bytesWritten)),
      mebibytes(of((cost) => cost.size)),
    ];
  });
  const text = `A definition whose %post touches ten files, medians of ${rounds} alternating runs:\n\n${table(["", "wall", "CPU", "peak RSS", "written", "output"], rows)}\n\n${machine()}. Printed by \`npm run bench -- definition --write\`.\n`;
  console.log(text);
  if (values.write) writeSection("Definitions", text);
} finally {
  await stop();
}
