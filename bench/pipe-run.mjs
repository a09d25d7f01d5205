// One run of bench/pipe.ts: node bench/pipe-run.mjs WAY BLOB. A file of its own, so that no TypeScript is loaded.
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import chain from "stream-chain";
import asStream from "stream-chain/asStream.js";
import { spareMemory } from "../dist/cli/heap.js";
import { openLayer } from "../dist/layer/open-layer.js";

const INPUT_SIZE = 64 * 1024;
const OUTPUT_SIZE = 256 * 1024;

const [way = "", json = ""] = process.argv.slice(2);
const { file, digest, diffId, size } = JSON.parse(json);
const open = () => createReadStream(file, { highWaterMark: INPUT_SIZE });

async function generators() {
  const descriptor = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size };
  const layer = { descriptor, diffId, open: async () => open() };
  await drain(openLayer(layer, { signal: new AbortController().signal }));
}

/** By stream-chain, each stage a stream that holds so many chunks before it and behind it. */
async function chained(highWaterMark) {
  const [stored, tar] = [createHash("sha256"), createHash("sha256")];
  const marks = { readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark };
  const gunzip = createGunzip({ chunkSize: OUTPUT_SIZE });
  const stages = [open(), asStream(hashing(stored), marks), gunzip, asStream(hashing(tar), marks)];
  await drain(chain(stages, { ...marks, noGrouping: true }));
  compare(stored, digest);
  compare(tar, diffId);
}

/** A stage: passes a chunk on and hashes it. */
function hashing(hash) {
  return (chunk) => {
    hash.update(chunk);
    return chunk;
  };
}

function compare(hash, expected) {
  const seen = `sha256:${hash.digest("hex")}`;
  if (seen !== expected) throw new Error(`${seen}, not ${expected}`);
}

async function drain(chunks) {
  for await (const _ of chunks);
}

spareMemory();
const before = process.cpuUsage();
const buffers = /^stream-chain, (\d+)/.exec(way)?.[1];
await (buffers === undefined ? generators() : chained(Number(buffers)));
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ cpuMs: (user + system) / 1000, rss: process.resourceUsage().maxRSS * 1024 }));
