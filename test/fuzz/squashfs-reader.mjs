// node test/fuzz/squashfs-reader.mjs [--count N] [--seed N] [--only N]: changes bytes of real small images and reads
// all of each. The result must be a typed error or an answer, within a second; memory is watched. Needs dist/.
// A mutation is named by its number: `--only N` repeats one.
import { readdirSync, readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { bytesAccess } from "../../dist/bytes/random-access.js";
import { SifonError } from "../../dist/errors.js";
import { SquashfsImage } from "../../dist/squashfs/reader/image.js";

const HANG_MS = 20_000;
const SLOW_MS = 1000;
const FOLDER = new URL("../../fixtures/squashfs/", import.meta.url);
const SUPERBLOCK_SIZE = 96;

if (isMainThread) supervise();
else await work(workerData);

function supervise() {
  const { values } = parseArgs({
    options: {
      count: { type: "string", default: "100000" },
      seed: { type: "string", default: "1" },
      only: { type: "string" },
    },
  });
  const first = values.only === undefined ? 0 : Number(values.only);
  const count = values.only === undefined ? Number(values.count) : 1;
  const current = new Float64Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { first, count, seed: Number(values.seed), current },
  });
  let seen = -1;
  const watchdog = setInterval(() => {
    if (seen === current[0]) {
      console.error(`mutation ${seen} hangs`);
      process.exit(1);
    }
    seen = current[0];
  }, HANG_MS);
  worker.on("message", (line) => console.log(line));
  worker.on("error", (error) => {
    console.error(`mutation ${current[0]} ended the worker:`, error);
    process.exit(1);
  });
  worker.on("exit", (code) => {
    clearInterval(watchdog);
    process.exitCode = code;
  });
}

async function work({ first, count, seed, current }) {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".squashfs"));
  const images = names.map((name) => readFileSync(new URL(name, FOLDER)));
  const stored = names.indexOf("stored.squashfs");
  const outcomes = new Map();
  const failures = [];
  let slowest = { ms: 0, number: 0 };
  let slow = 0;
  const startRss = process.memoryUsage.rss();
  let maxRss = 0;
  const started = performance.now();
  for (let number = first; number < first + count; number++) {
    current[0] = number;
    const random = generator(seed * 0x1_0000_0000 + number);
    // Half of the mutations go to the image whose tables are not compressed: there they reach every field.
    const index = random(2) === 0 ? stored : random(images.length);
    const image = mutate(images[index], random);
    const before = performance.now();
    let outcome;
    try {
      outcome = await readAll(image, random(2) === 0);
    } catch (error) {
      if (error instanceof SifonError && error.code !== "INTERNAL") outcome = error.code;
      else {
        outcome = "CRASH";
        failures.push(`mutation ${number} of ${names[index]}: ${error?.stack ?? error}`);
      }
    }
    const ms = performance.now() - before;
    // Images in memory are read without a turn of the event loop, in which zlib gives up what failed.
    await setImmediate();
    if (ms > slowest.ms) slowest = { ms, number };
    if (ms > SLOW_MS) slow++;
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    if (number % 64 === 0) maxRss = Math.max(maxRss, process.memoryUsage.rss());
    if ((number - first + 1) % 10_000 === 0) parentPort.postMessage(`${number - first + 1} mutations`);
  }
  for (const [outcome, times] of [...outcomes].sort(([, a], [, b]) => b - a))
    parentPort.postMessage(`${String(times).padStart(8)}  ${outcome}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  const mib = (bytes) => `${(bytes / 1024 / 1024).toFixed(0)} MiB`;
  parentPort.postMessage(
    `${count} mutations in ${seconds} s; slowest ${slowest.ms.toFixed(0)} ms (${slowest.number}), ${slow} over ${SLOW_MS} ms; ` +
      `RSS ${mib(startRss)} at the start, at most ${mib(maxRss)}; ${failures.length} crashes`,
  );
  for (const failure of failures.slice(0, 20)) parentPort.postMessage(failure);
  if (failures.length > 0 || slow > 0) process.exit(1);
}

/**
 * Verifies the whole image, or uses every other way of reading and goes on after an error in one of them, so that
 * it does not hide the others.
 */
async function readAll(bytes, verify) {
  const image = await SquashfsImage.open(bytesAccess(bytes, "mutation"));
  if (verify) {
    await image.verifyContent();
    return "no error";
  }
  /** @type {SifonError | undefined} */
  let firstError;
  const attempt = async (read) => {
    try {
      await read();
    } catch (error) {
      if (!(error instanceof SifonError) || error.code === "INTERNAL") throw error;
      firstError ??= error;
    }
  };
  const files = [];
  await attempt(async () => {
    for await (const { inode } of image.walk()) files.push(inode);
  });
  for (const inode of files) {
    if (inode.xattrIndex !== undefined) await attempt(() => image.xattrs(inode));
    if (inode.kind !== "file") continue;
    await attempt(async () => {
      let size = 0;
      for await (const part of image.fileParts(inode)) size += part instanceof Uint8Array ? part.length : part.zeros;
      if (size !== inode.size) throw new Error(`file of ${inode.size} bytes gave ${size}`);
    });
  }
  for (const path of [
    "dir/sub/deep/file",
    "many/file number 150 with a name of some length",
    "absolute/deep/file",
    "link",
    "no/such",
  ])
    await attempt(() => image.lookup(path, { follow: true }));
  if (firstError !== undefined) throw firstError;
  return "no error";
}

function mutate(original, random) {
  const bytes = new Uint8Array(original);
  const view = new DataView(bytes.buffer);
  const used = Number(view.getBigUint64(40, true));
  const tables = Number(view.getBigUint64(64, true));
  const place = () => {
    switch (random(8)) {
      case 0:
        return random(SUPERBLOCK_SIZE);
      case 1:
        return random(used);
      default:
        return tables + random(used - tables);
    }
  };
  const changes = 1 + (random(3) === 0 ? random(8) : 0);
  for (let i = 0; i < changes; i++) {
    const at = place();
    const room = used - at;
    switch (random(7)) {
      case 0:
        bytes[at] ^= 1 << random(8);
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random(5)];
        break;
      case 3:
        if (room >= 2) view.setUint16(at, [0, 1, 0xffff, 0x8000, 0x2001, 8192, 255, 256][random(8)], true);
        break;
      case 4:
        if (room >= 4) view.setUint32(at, [0, 1, 0xffff_ffff, 0x7fff_ffff, 0x100_0000, used, tables][random(7)], true);
        break;
      case 5:
        if (room >= 8)
          view.setBigUint64(at, [0n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, BigInt(tables)][random(5)], true);
        break;
      default: {
        // A piece of the image in another place.
        const from = place();
        const size = Math.min(1 + random(64), used - from, room);
        bytes.copyWithin(at, from, from + size);
      }
    }
  }
  // One in ten also loses its end, and some of those say so in the superblock.
  if (random(10) !== 0) return bytes;
  const size = random(bytes.length);
  if (size > SUPERBLOCK_SIZE && random(2) === 0) view.setBigUint64(40, BigInt(size), true);
  return bytes.subarray(0, size);
}

/** Numbers below a limit, the same for the same seed (splitmix32). */
function generator(seed) {
  let state = (seed % 0x1_0000_0000) ^ Math.imul(Math.floor(seed / 0x1_0000_0000), 0x9e37_79b9);
  return (limit) => {
    state = (state + 0x9e37_79b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0_aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
    return ((z ^ (z >>> 15)) >>> 0) % limit;
  };
}
