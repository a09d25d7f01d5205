// npm run fuzz [-- NAME [OPTION...]]: runs test/fuzz/NAME.mjs with these options, or each of them with its own.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";

const [name, ...options] = process.argv.slice(2);
const all = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".mjs") && file !== "run.mjs");
const chosen = name === undefined ? all : all.filter((file) => basename(file, ".mjs") === name);
if (chosen.length === 0) {
  console.error(`No such fuzz run; there are: ${all.map((file) => basename(file, ".mjs")).join(", ")}`);
  process.exit(1);
}
for (const file of chosen) {
  console.log(`fuzz: ${basename(file, ".mjs")}`);
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, file), ...options], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
