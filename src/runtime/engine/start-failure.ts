import { readFileSync } from "node:fs";
import { systemReason } from "../../bytes/system-reason.ts";
import { EngineError } from "./errors.ts";

/** What a process can run out of, by the system's error: proc(5)'s name of the limit in `limits`, and the shell's option. */
const LIMITS: Readonly<Record<string, { readonly what: string; readonly line: string; readonly option: string }>> = {
  EAGAIN: { what: "processes and threads", line: "Max processes", option: "ulimit -u" },
  EMFILE: { what: "open files", line: "Max open files", option: "ulimit -n" },
};
/** The same in the words of programs that are started (strerror(3), LC_ALL=C). */
const LIMIT_WORDS: readonly (readonly [words: RegExp, code: string])[] = [
  [/Resource temporarily unavailable|[Cc]annot fork/, "EAGAIN"],
  [/Too many open files/, "EMFILE"],
];

/** Why a program of the host did not start. */
export function startFailure(program: string, cause: Error): EngineError {
  const { code = "" } = cause as NodeJS.ErrnoException;
  const seen = systemReason(cause);
  return limitReached(code, seen, cause) ?? new EngineError("TOOL_UNUSABLE", { path: program, seen, cause });
}

/** The limit that a program of the host complains of; undefined where it is about something else. */
export function limitIn(complaint: string): EngineError | undefined {
  const code = LIMIT_WORDS.find(([words]) => words.test(complaint))?.[1];
  return code === undefined ? undefined : limitReached(code, complaint);
}

function limitReached(code: string, seen: string, cause?: Error): EngineError | undefined {
  const limit = LIMITS[code];
  if (limit === undefined) return undefined;
  const { what, line, option } = limit;
  const allowed = new RegExp(`^${line} +(\\S+)`, "m").exec(readLimits())?.[1];
  return new EngineError("LIMIT_REACHED", { what, option, limit: allowed, seen, ...(cause && { cause }) });
}

function readLimits(): string {
  try {
    return readFileSync("/proc/self/limits", "latin1");
  } catch {
    // No /proc, or no descriptor is left to read it with.
    return "";
  }
}
