// npm run bench -- convert [--rounds N] [--write] [--image NAME]... [REFERENCE...]
// Converts images of a registry (--image lolcow, the default, or scientific: made the first time, and kept for a
// docker-registry of our own) with Sifon, with Apptainer, and with skopeo + umoci + mksquashfs, in turn, and prints a
// table of medians for each. --write puts them into bench/RESULTS.md and draws the chart.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findApptainer } from "../test/support/apptainer.ts";
import { LAB } from "../test/support/lab.ts";
import { SIFON_MAIN } from "../test/support/sifon.ts";
import { drawChart } from "./chart.ts";
import { provideImages } from "./images.ts";
import { type Cost, measure, median } from "./measure.ts";
import { machine, table, writeSection } from "./results.ts";

interface Contender {
  readonly name: string;
  readonly output: string;
  /** The command that converts `image` to `output`, both in the current folder. */
  command(image: string): readonly string[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    image: { type: "string", multiple: true, default: [] },
    rounds: { type: "string", default: "3" },
    write: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const apptainer = findApptainer();

const CONTENDERS: readonly Contender[] = [
  {
    name: "Sifon",
    output: "sifon.sif",
    command: (image) => [process.execPath, SIFON_MAIN, "build", "--no-https", "sifon.sif", `docker://${image}`],
  },
  ...(apptainer === undefined
    ? []
    : [
        {
          name: "Apptainer",
          output: "apptainer.sif",
          command: (image: string) => [
            ...[apptainer, "build", "--disable-cache", "--no-https", "apptainer.sif", `docker://${image}`],
          ],
        },
      ]),
  {
    name: "skopeo + umoci + mksquashfs",
    output: "tools.squashfs",
    command: (image) => [
      "sh",
      "-ec",
      `skopeo copy --quiet --src-tls-verify=false "docker://$0" oci:layout:image
      umoci raw unpack --image layout:image rootfs
      mksquashfs rootfs tools.squashfs -noappend -quiet -no-progress`,
      image,
    ],
  },
];

/** One conversion in an empty folder, after earlier writes have reached the disk. */
async function convertOnce(contender: Contender, image: string): Promise<Cost & { readonly size: number }> {
  const folder = mkdtempSync(join(tmpdir(), "sifon-bench-"));
  try {
    const scratch = join(folder, "tmp");
    mkdirSync(scratch);
    execFileSync("sync");
    const env = { ...process.env, TMPDIR: scratch, APPTAINER_TMPDIR: scratch, SIFON_LAB: LAB };
    const cost = await measure(contender.command(image), folder, env);
    return { ...cost, size: statSync(join(folder, contender.output)).size };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function compare(image: string): Promise<string> {
  const runs = CONTENDERS.map((): (Cost & { size: number })[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, contender] of CONTENDERS.entries()) {
      const cost = await convertOnce(contender, image);
      runs[i]?.push(cost);
      console.error(`round ${round + 1}, ${contender.name}: ${(cost.wallMs / 1000).toFixed(2)} s`);
    }
  }
  const medians = runs.map((costs) => ({
    wallMs: median(costs.map((cost) => cost.wallMs)),
    cpuMs: median(costs.map((cost) => cost.cpuMs)),
    peakRss: median(costs.map((cost) => cost.peakRss)),
    bytesWritten: median(costs.map((cost) => cost.bytesWritten)),
    size: median(costs.map((cost) => cost.size)),
  }));
  const first = medians[0];
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const rows = medians.map((m, i) => [
    CONTENDERS[i]?.name ?? "",
    seconds(m.wallMs),
    first ? `${(m.wallMs / first.wallMs).toFixed(2)} ×` : "",
    seconds(m.cpuMs),
    mebibytes(m.peakRss),
    mebibytes(m.bytesWritten),
    mebibytes(m.size),
  ]);
  return table(["", "wall", "to Sifon", "CPU", "peak RSS", "written", "output"], rows);
}

function versions(): string {
  const firstLine = (command: string, ...args: string[]) => {
    const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
    return `${stdout || stderr}`.split("\n")[0]?.trim() ?? "";
  };
  const lines = [
    firstLine("skopeo", "--version"),
    firstLine("umoci", "--version"),
    firstLine("mksquashfs", "-version"),
  ];
  if (apptainer !== undefined) lines.unshift(firstLine(apptainer, "--version"));
  return lines.join("; ");
}

const named = values.image.length + positionals.length === 0 ? ["lolcow"] : values.image;
const { references, stop } = await provideImages(named);
try {
  const parts: string[] = [];
  for (const image of [...references, ...positionals]) {
    const name = image.slice(image.indexOf("/") + 1);
    parts.push(
      `${name}, from a registry on the same machine, medians of ${rounds} alternating runs:\n\n${await compare(image)}`,
    );
  }
  parts.push(
    `${machine()}. ${versions()}.`,
    "CPU is user and system time of all processes of a run. Peak RSS is the largest sum of the resident sets of all processes alive at once, looked at every 20 ms. Written is what the kernel was given to write to storage (`write_bytes`), temporary files included. Printed by `npm run bench -- convert --write`.",
  );
  const report = parts.join("\n\n");
  console.log(report);
  if (values.write) {
    writeSection("Conversion", report);
    drawChart();
  }
} finally {
  await stop();
}
