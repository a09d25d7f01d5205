// What the fuzz runs share: numbered mutations in a worker, which is watched; what came of them, and how long it took.
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { SifonError } from "../../../dist/errors.js";

const HANG_MS = 20_000;
const SLOW_MS = 1000;

/**
 * Runs mutations: `--count N` of them, `--seed N`, or `--only N`, which repeats one. The result of each must be an
 * outcome or a typed error, within a second.
 * @param {string} url of the script that calls this: it runs again as the worker
 * @param {() => Promise<(random: (limit: number) => number) => { name: string, run: () => Promise<string> }>} prepare
 */
export async function fuzz(url, prepare) {
  if (isMainThread) supervise(url);
  else await work(workerData, await prepare());
}

function supervise(url) {
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
  const worker = new Worker(new URL(url), { workerData: { first, count, seed: Number(values.seed), current } });
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

async function work({ first, count, seed, current }, mutation) {
  const outcomes = new Map();
  const failures = [];
  let slowest = { ms: 0, number: 0 };
  let slow = 0;
  const startRss = process.memoryUsage.rss();
  let maxRss = 0;
  const started = performance.now();
  for (let number = first; number < first + count; number++) {
    current[0] = number;
    const { name, run } = mutation(generator(seed * 0x1_0000_0000 + number));
    const before = performance.now();
    let outcome;
    try {
      outcome = await run();
    } catch (error) {
      if (isTyped(error)) outcome = error.code;
      else {
        outcome = "CRASH";
        failures.push(`mutation ${number} of ${name}: ${error?.stack ?? error}`);
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

/** An error that tells of the input, not of a bug. */
export function isTyped(error) {
  return error instanceof SifonError && error.code !== "INTERNAL";
}

/**
 * Runs several ways of reading, and goes on after an error in one of them, so that it does not hide the others.
 * @returns {Promise<SifonError | undefined>} the first typed error, if any
 */
export async function attemptAll(reads) {
  /** @type {SifonError | undefined} */
  let firstError;
  for (const read of reads) {
    try {
      await read();
    } catch (error) {
      if (!isTyped(error)) throw error;
      firstError ??= error;
    }
  }
  return firstError;
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
