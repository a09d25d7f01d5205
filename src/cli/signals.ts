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
