import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { sendSignal } from "./send-signal.ts";

/** Between the request to end and the end by force, and how often is looked whether it is needed. */
const GRACE_MS = 1000;
const LOOK_MS = 20;

/**
 * Ends what a program left behind in its mount namespace: without the image, which is about to go, processes in
 * the background cannot go on. First by SIGTERM. The caller holds the namespace open, so that no other one, with
 * processes of others in it, has come to its number.
 */
export async function endLeftovers(mountNamespace: number): Promise<void> {
  const link = `mnt:[${mountNamespace}]`;
  let name: NodeJS.Signals = "SIGTERM";
  for (let waited = 0; ; waited += LOOK_MS) {
    const left = processesIn(link);
    if (left.length === 0) return;
    if (waited >= GRACE_MS) name = "SIGKILL";
    if (waited === 0 || waited >= GRACE_MS) for (const pid of left) sendSignal(pid, name);
    if (waited >= 2 * GRACE_MS) return;
    await wait(LOOK_MS);
  }
}

function processesIn(link: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readlinkSync(`/proc/${name}/ns/mnt`) === link) found.push(Number(name));
    } catch {
      // It has ended, or it is another user's.
    }
  }
  return found;
}
