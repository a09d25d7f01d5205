import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

/** Between two looks at whether bubblewrap is done, of what takes some milliseconds as a rule; and after so long. */
const LOOK_MS = 1;
const PATIENT_LOOK_MS = 20;
const PATIENT_AFTER_MS = 100;
/** A file system that does not answer (NFS, FUSE) holds whoever mounts it for ever. */
const LONGEST_MS = 60_000;

/** What became of a container that was being set up. */
export type SetupOutcome = "ready" | "gone" | "late" | "aborted";

/**
 * Waits for bubblewrap's child to have set its container up.
 * @param limitMs how long at most, until it is `late`
 */
export async function awaitSetup(
  pid: number,
  { signal, limitMs = LONGEST_MS }: { readonly signal?: AbortSignal | undefined; readonly limitMs?: number } = {},
): Promise<SetupOutcome> {
  const begun = performance.now();
  while (signal?.aborted !== true) {
    const state = look(pid);
    if (state !== "busy") return state;
    const elapsed = performance.now() - begun;
    if (elapsed >= limitMs) return "late";
    await wait(elapsed < PATIENT_AFTER_MS ? LOOK_MS : PATIENT_LOOK_MS);
  }
  return "aborted";
}

/** Whether bubblewrap's child has given up its privileges, which it does when all is set up: proc(5), CapEff. */
function look(pid: number): "busy" | "ready" | "gone" {
  let status = "";
  try {
    status = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return "gone";
  }
  if (/^State:\t[ZX]/m.test(status)) return "gone";
  return /^CapEff:\t0+$/m.test(status) ? "ready" : "busy";
}
