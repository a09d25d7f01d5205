import { readdirSync, readFileSync } from "node:fs";

/** A run opens some thirty files at once: pipes to the programs that it starts, event queues of Node's threads. */
const LEAST_FILES = 64;
/** Threads that Node adds to those that it has already, when it first reads a file (libuv's UV_THREADPOOL_SIZE). */
const POOL_THREADS = 4;
/** Only below this limit is counted what there is: on large hosts that takes milliseconds. */
const FEW_PROCESSES = 64;

/**
 * Which of this process's limits is too low for Node: it would abort or wait for ever, without a word. Undefined
 * where all is well; below some six threads or fourteen files Node does not get so far as to say it.
 */
export function tooLowLimit(): string | undefined {
  const limits = readText("/proc/self/limits");
  const limitOf = (line: string) => Number(new RegExp(`^${line} +(\\d+)`, "m").exec(limits)?.[1] ?? Number.NaN);
  const files = limitOf("Max open files");
  if (files < LEAST_FILES)
    return `the limit of open files is ${files}, and it takes ${LEAST_FILES}: raise it (ulimit -n ${LEAST_FILES})`;
  const processes = limitOf("Max processes");
  const uid = process.getuid?.();
  // Root is not bound by it.
  if (!(processes < FEW_PROCESSES) || uid === 0 || uid === undefined) return undefined;
  const running = countThreads(uid);
  return running + POOL_THREADS <= processes
    ? undefined
    : `the limit of processes and threads is ${processes}, and ${running} of yours run: end some, or raise it (ulimit -u)`;
}

function countThreads(uid: number): number {
  let count = 0;
  for (const name of readdirSync("/proc")) {
    const status = /^\d+$/.test(name) ? readText(`/proc/${name}/status`) : "";
    if (new RegExp(`^Uid:\t${uid}\t`, "m").test(status)) count += Number(/^Threads:\t(\d+)/m.exec(status)?.[1] ?? 1);
  }
  return count;
}

/** Empty where a process has just ended, or the system has no /proc. */
function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
