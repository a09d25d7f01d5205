// npm run bench -- micro: single calls of the core, in benny's loop: what one block costs when it is hot in the cache.
import { randomBytes } from "node:crypto";
import { deflateSync } from "node:zlib";
import benny from "benny";
import type { Core } from "../src/wasm/core.ts";

const BLOCK_SIZE = 128 * 1024;
/** Words in random order: compressible, and different enough that nothing is one long match. */
const WORDS = "the block of a layer is cut hashed compressed and written in its order to the sink".split(" ");

// Built code, by an address that the compiler does not follow: dist/ may not be there when types are checked.
const built = new URL("../dist/wasm/core.js", import.meta.url).href;
const { loadCore } = (await import(built)) as { loadCore: () => Core };
const core = loadCore();
const noise = randomBytes(BLOCK_SIZE);
const text = textBlock(noise);

await benny.suite(
  "one block of 128 KiB",
  benny.add("deflate, default level, text", () => void core.compress(text, { kind: "gzip", level: "default" })),
  benny.add("deflate, fast, text", () => void core.compress(text, { kind: "gzip", level: "fast" })),
  benny.add("node:zlib, level 9, text", () => void deflateSync(text, { level: 9 })),
  benny.add("deflate, default level, noise", () => void core.compress(noise, { kind: "gzip", level: "default" })),
  benny.add("content hash", () => void core.contentHash(noise)),
  benny.add("Adler-32", () => void core.adler32(noise)),
  benny.cycle(),
  benny.complete(),
);

function textBlock(choices: Uint8Array): Buffer {
  let words = "";
  for (let i = 0; words.length < BLOCK_SIZE; i++)
    words += `${WORDS[(choices[i % choices.length] ?? 0) % WORDS.length]} `;
  return Buffer.from(words.slice(0, BLOCK_SIZE), "latin1");
}
