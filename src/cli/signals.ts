import { writeFileSync } from "node:fs";
import { constants } from "node:os";

/** The signals that end a run in order: what was begun is undone, then the exit code says which it was. */
const TRAPPED = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
type Trapped = (typeof TRAPPED)[number];

/** Why a run was cut short. */
export class Interrupted extends Error {
  readonly trapped: Trapped;

  constructor(trapped: Trapped) {
    super(`interrupted by ${trapped}`);
    this.name = "Interrupted";
    this.trapped = trapped;
  }

  /** 128 + the signal's number, as shells count. */
  get exitCode(): number {
    return 128 + constants.signals[this.trapped];
  }
}

/** Turns the first signal into an abort; the second one of a kind ends the process as usual. */
export function trapSignals(target: NodeJS.Process): AbortSignal {
  const controller = new AbortController();
  for (const name of TRAPPED) {
    target.once(name, () => controller.abort(new Interrupted(name)));
  }
  return controller.signal;
}

/**
 * Ends this process by a signal, as a program ended: a shell script stops at a Ctrl-C where its command died of one,
 * and goes on where the command took it and ended by itself. Returns where the signal does not end processes.
 */
export function endBySignal(target: NodeJS.Process, name: NodeJS.Signals): void {
  try {
    // Of signals that leave a core, that of the program is of use: core(5), no mappings are written.
    writeFileSync("/proc/self/coredump_filter", "0");
  } catch {
    // A kernel without core files.
  }
  if (name !== "SIGKILL" && name !== "SIGSTOP") {
    // Node ignores some, or has ideas of its own (SIGPIPE, SIGUSR1): a listener that goes leaves the default behind.
    target.on(name, () => {});
    target.removeAllListeners(name);
  }
  target.kill(target.pid, name);
}
