// npm run bench -- start [--rounds N] [--write] [SIF...]
// What a start costs: Sifon's commands beside Node alone, containers of the first SIF beside Apptainer's, and SIF to SIF
// beside cp, for each. Without a SIF, godlovedc/lolcow is converted to one. All in turn; medians.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { findApptainer } from "../test/support/apptainer.ts";
import { SIFON_MAIN } from "../test/support/sifon.ts";
import { provideImages } from "./images.ts";
import { type Cost, measure, median } from "./measure.ts";
import { machine, table, writeSection } from "./results.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "7" }, write: { type: "boolean", default: false } },
});
const rounds = Number(values.rounds);
const folder = join(import.meta.dirname, "out", "start");
mkdirSync(folder, { recursive: true });
// With certificates of its own Node reads all there are before it begins: 40 ms that are not Sifon's.
const { NODE_EXTRA_CA_CERTS: _, ...bare } = process.env;
const sifon = (...args: string[]) => [process.execPath, SIFON_MAIN, ...args];

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  /** Number of the contender that it is compared with. */
  readonly beside?: number;
  readonly env?: NodeJS.ProcessEnv;
}

/** Medians of all contenders, run in turn. */
async function compare(contenders: readonly Contender[]): Promise<string> {
  const costs = contenders.map((): Cost[] => []);
  // The first round fills the caches.
  for (let round = -1; round < rounds; round++) {
    for (const [i, { command, env }] of contenders.entries()) {
      const cost = await measure(command, folder, { ...bare, ...env }, false);
      if (round >= 0) costs[i]?.push(cost);
    }
  }
  const wall = costs.map((runs) => median(runs.map(({ wallMs }) => wallMs)));
  const cpu = costs.map((runs) => median(runs.map(({ cpuMs }) => cpuMs)));
  const rows = contenders.map(({ name, beside, command, env }, i) => {
    const ratio = (of: readonly number[]) =>
      beside === undefined ? "" : `${((of[i] as number) / (of[beside] as number)).toFixed(2)} ×`;
    const ms = (of: readonly number[]) => `${(of[i] as number).toFixed(0)} ms`;
    return [name, ms(wall), ratio(wall), ms(cpu), ratio(cpu), ...calls(command, env)];
  });
  return table(["", "wall", "ratio", "CPU", "ratio", "programs", "files opened"], rows);
}

/** How many programs a command executes, and how many files are opened on the way. */
function calls(command: readonly string[], env: NodeJS.ProcessEnv = {}): [string, string] {
  const log = join(folder, "calls");
  const tracing = ["-f", "-qq", "-e", "trace=execve,openat", "-e", "status=successful", "-o", log, ...command];
  if (spawnSync("strace", tracing, { cwd: folder, env: { ...bare, ...env }, stdio: "ignore" }).error) return ["", ""];
  const text = readFileSync(log, "latin1");
  rmSync(log);
  return [String(text.match(/execve\(/g)?.length ?? 0), String(text.match(/openat\(/g)?.length ?? 0)];
}

async function lolcow(): Promise<string> {
  const path = join(folder, "lolcow.sif");
  if (existsSync(path)) return path;
  const { references, stop } = await provideImages(["lolcow"]);
  execFileSync(process.execPath, [SIFON_MAIN, "build", "--no-https", path, `docker://${references[0]}`]);
  await stop();
  return path;
}

const sifs = positionals.length > 0 ? positionals.map((path) => resolve(path)) : [await lolcow()];
const [sif = ""] = sifs;
const apptainer = findApptainer();
const parts = [
  await compare([
    { name: "node -e 0", command: [process.execPath, "-e", "0"] },
    { name: "sifon --version", command: sifon("--version"), beside: 0 },
  ]),
];
for (const words of [
  ["exec", sif, "true"],
  ["run", sif],
]) {
  const title = `${words[0]} ${basename(sif)}${words[2] === undefined ? "" : ` ${words[2]}`}`;
  const theirs = apptainer === undefined ? [] : [{ name: `apptainer ${title}`, command: [apptainer, ...words] }];
  // The script that enters a tree of Debian's to find Apptainer there takes its time, too.
  const isEntered = apptainer?.endsWith("/.ci/apptainer");
  const entering = isEntered
    ? [{ name: "of which, to enter Apptainer's tree", command: [apptainer ?? "", ""], env: { COMMAND: "true" } }]
    : [];
  const ours = { name: `sifon ${title}`, command: sifon(...words), ...(theirs.length > 0 ? { beside: 0 } : {}) };
  parts.push(await compare([...theirs, ...entering, ours]));
}
for (const path of sifs) {
  const script = (text: string) => ["sh", "-c", text, "sh", path];
  const { size } = statSync(path);
  const title = `${basename(path)}, ${(size / 1e6).toFixed(0)} MB`;
  parts.push(
    await compare([
      { name: `cp: ${title}`, command: script('cp "$1" copy.sif') },
      { name: "cp, and sync of the copy", command: script('cp "$1" copy.sif && sync copy.sif') },
      {
        name: "sifon build, from SIF to SIF (synchronised)",
        command: sifon("build", "-F", "built.sif", path),
        beside: 0,
      },
    ]),
  );
}
for (const name of ["copy.sif", "built.sif"]) rmSync(join(folder, name), { force: true });

const versions =
  apptainer === undefined ? "" : ` ${execFileSync(apptainer, ["--version"], { encoding: "utf8" }).trim()}.`;
const report = [
  ...parts,
  `${machine()}.${versions} Medians of ${rounds} alternating runs, caches warm. CPU is user and system time of all processes of a run; wall times depend on what else the machine does, ratios less so. Ratios are to the first row of a table. Printed by \`npm run bench -- start --write\`.`,
].join("\n\n");
console.log(report);
if (values.write) writeSection("Start", report);
