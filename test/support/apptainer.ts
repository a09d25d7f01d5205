import { spawnSync } from "node:child_process";
import { isAbsolute } from "node:path";
import { reportMissing, requireTool } from "./tools.ts";

/** What a finished program left. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A runnable Apptainer: the program of SIFON_APPTAINER, else `apptainer` in PATH; undefined (told once) where there is none. */
export function findApptainer(): string | undefined {
  const named = process.env.SIFON_APPTAINER;
  if (named === undefined || named === "") return requireTool("apptainer");
  if (isAbsolute(named)) return named;
  reportMissing(`SIFON_APPTAINER must be an absolute path, not ${named}`);
  return undefined;
}

/** Runs Apptainer with a bare environment of its own (the caller's may set prefixes that change what it does). */
export function runApptainer(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>>; readonly input?: string },
): Finished {
  const { PATH = "", HOME = "/root", TMPDIR, SIFON_LAB } = process.env;
  const env = {
    PATH,
    HOME,
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    ...(SIFON_LAB === undefined ? {} : { SIFON_LAB }),
    ...options.env,
  };
  const { cwd, input } = options;
  // Without input no pipe either: some shells take a socket on their standard input for a remote login.
  const { status, stdout, stderr, error } = spawnSync(program, [...args], {
    cwd,
    env,
    encoding: "utf8",
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(input === undefined ? {} : { input }),
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}
