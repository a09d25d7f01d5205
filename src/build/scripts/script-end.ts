import type { ProgramEnd } from "../../runtime/engine/plan.ts";
import type { RunningProgram } from "../../runtime/engine/session.ts";
import { BuildError } from "../errors.ts";

/** Sections that run. */
export type RunningSection = "pre" | "setup" | "post" | "test";

/**
 * Waits for a section's script.
 * @throws BuildError SCRIPT_FAILED; the signal's reason where that ended it
 */
export async function scriptEnd(
  section: RunningSection,
  { ended }: Pick<RunningProgram, "ended">,
  signal: AbortSignal,
): Promise<void> {
  const end = await ended;
  signal.throwIfAborted();
  if (end.kind === "exit" && end.code === 0) return;
  throw new BuildError("SCRIPT_FAILED", { section, status: statusText(end) });
}

/** Signals as Go, and so Apptainer, names them; others stay as they are. */
const SIGNALS: Readonly<Partial<Record<NodeJS.Signals, string>>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGILL: "illegal instruction",
  SIGABRT: "aborted",
  SIGBUS: "bus error",
  SIGFPE: "floating point exception",
  SIGKILL: "killed",
  SIGSEGV: "segmentation fault",
  SIGPIPE: "broken pipe",
  SIGALRM: "alarm clock",
  SIGTERM: "terminated",
};

function statusText(end: ProgramEnd): string {
  return end.kind === "exit" ? `exit status ${end.code}` : `signal: ${SIGNALS[end.signal] ?? end.signal}`;
}
