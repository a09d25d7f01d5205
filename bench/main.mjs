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
process.argv.splice(1, 2, `${import.meta.dirname}/${file}`);
await import(`./${file}`);
