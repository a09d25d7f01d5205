// npm run bench -- NAME [OPTION...]: runs bench/NAME.ts or bench/NAME.mjs against dist/.
import { readdirSync } from "node:fs";
import "./typescript-loader.mjs";

const name = process.argv[2] ?? "";
const files = readdirSync(import.meta.dirname);
const file = [`${name}.ts`, `${name}.mjs`].find((candidate) => files.includes(candidate));
if (file === undefined) {
  console.error("Usage: npm run bench -- NAME [OPTION...], for example: npm run bench -- convert --rounds 3");
  process.exit(1);
}
// Ends in order when told to, so that what a benchmark started is stopped by its exit handlers.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
])
  process.once(signal, () => process.exit(code));
process.argv.splice(1, 2, `${import.meta.dirname}/${file}`);
await import(`./${file}`);
