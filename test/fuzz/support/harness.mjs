// What the fuzz runs share: numbered mutations in a worker, which is watched; what came of them, and how long it took.
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { SifonError } from "../../../dist/errors.js";

// Of processor time: on a busy machine a process may wait for long.
const HANG_MS = 20_000;
const SLOW_MS = 1000;
/** What waits for nothing takes no processor time either. */
const WAITS_MS = 600_000;
const LOOK_MS = 1000;

/**
 * Runs mutations: `--count N` of them, `--seed N`, `--from N` to go on with a run, or `--only N`, which repeats one. The
 * result of each must be an outcome or a typed error, within a second of processor time.
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
      from: { type: "string", default: "0" },
      only: { type: "string" },
    },
  });
  const first = Number(values.only ?? values.from);
  const count = values.only === undefined ? Number(values.count) : 1;
  const current = new Float64Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL(url), { workerData: { first, count, seed: Number(values.seed), current } });
  let seen = { number: -1, busyMs: 0, at: 0 };
  const watchdog = setInterval(() => {
    const now = { number: current[0], busyMs: busyMs(), at: performance.now() };
    if (seen.number !== now.number) seen = now;
    else if (now.busyMs - seen.busyMs > HANG_MS || now.at - seen.at > WAITS_MS) {
      console.error(`mutation ${seen.number} hangs`);
      process.exit(1);
    }
  }, LOOK_MS);
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
    const before = busyMs();
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
    const ms = busyMs() - before;
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

/** Processor time of all threads so far. */
function busyMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
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
