import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/**
 * `PLACE-PID`: this process, for the names of its temporary files. PLACE stands for the running kernel and its
 * PID namespace, since on a shared file system, or in another container, the number belongs to somebody else.
 */
export function processMark(): string {
  place ??= readPlace();
  return `${place}-${process.pid}`;
}

/**
 * Whether the process of a mark has certainly ended: it ran here, and nothing has its number now. One that ran
 * on another machine, or before this one was started anew, is left to whoever knows better.
 */
export function hasEnded(mark: string): boolean {
  const [, where, pid] = /^([0-9a-f]+)-(\d+)$/.exec(mark) ?? [];
  place ??= readPlace();
  return where === place && !isRunning(Number(pid));
}

/** Whether a process of this PID namespace has the number; another user's, too. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

let place: string | undefined;

function readPlace(): string {
  let identity = `${hostname()} ${process.platform}`;
  try {
    identity = `${readFileSync("/proc/sys/kernel/random/boot_id", "latin1")} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    // No /proc: a name alone is no proof, so this process's own number makes the place its own.
    identity += ` ${process.pid}`;
  }
  return createHash("sha256").update(identity).digest("hex").slice(0, 12);
}
