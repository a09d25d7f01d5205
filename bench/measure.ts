import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";

/** What one run of a command cost, all processes that it started included. */
export interface Cost {
  readonly wallMs: number;
  /** User and system time of the command and its children, from the shell's `times`. */
  readonly cpuMs: number;
  /** Largest sum of resident sets over all processes alive at the same moment, looked at every 20 ms. */
  readonly peakRss: number;
  /**
   * Bytes that the run made the kernel write to storage: `write_bytes` of /proc/PID/io, counted when a page of a
   * file becomes dirty, so that a temporary file removed before it was flushed counts too. A parent's account
   * includes the children it waited for, so the shell's account in the end is that of the whole tree.
   */
  readonly bytesWritten: number;
}

const SAMPLE_MS = 20;

/**
 * Runs a command to its end through a shell that keeps the accounts. Throws with its output where it fails.
 * @param watchesMemory false for runs so short that looking at them would show in their times; `peakRss` is 0 then
 */
export async function measure(
  command: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  watchesMemory = true,
): Promise<Cost> {
  const script = '"$@" 3>&-; code=$?; times >&3; cat /proc/$$/io >&3; exit $code';
  const begun = performance.now();
  const child = spawn("sh", ["-c", script, "sh", ...command], { cwd, env, stdio: ["ignore", "pipe", "pipe", "pipe"] });
  let peakRss = 0;
  const sampler = setInterval(() => {
    if (watchesMemory) peakRss = Math.max(peakRss, residentSize(child.pid as number));
  }, SAMPLE_MS);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", resolve);
  });
  const output = Promise.all([text(child.stdout as Readable), text(child.stderr as Readable)]);
  const account = text(child.stdio[3] as Readable);
  const code = await ended;
  const wallMs = performance.now() - begun;
  clearInterval(sampler);
  if (code !== 0) throw new Error(`${command.join(" ")}: exit ${code}\n${(await output).join("")}`);
  return { wallMs, peakRss, ...readAccount(await account) };
}

/** `times` prints two lines, `0m1.25s 0m0.40s`: of the shell itself, then of its children. */
function readAccount(account: string): { cpuMs: number; bytesWritten: number } {
  const times = [...account.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60_000 + Number(s) * 1000);
  const written = /^write_bytes: (\d+)$/m.exec(account)?.[1];
  if (times.length !== 4 || written === undefined) throw new Error(`no account of the run: ${account}`);
  return { cpuMs: times.reduce((a, b) => a + b), bytesWritten: Number(written) };
}

/** Resident bytes of a process and all below it; pages that two of them share count twice. */
function residentSize(pid: number): number {
  try {
    const pages = Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
    const threads = readdirSync(`/proc/${pid}/task`);
    const children = threads.flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1").split(" "),
    );
    return children.filter(Boolean).reduce((sum, child) => sum + residentSize(Number(child)), pages * 4096);
  } catch {
    // It ended while we looked.
    return 0;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] as number)) / 2;
}
