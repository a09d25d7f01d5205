import { spawn, spawnSync } from "node:child_process";
import { isAbsolute } from "node:path";
import { text } from "node:stream/consumers";
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

/** How Apptainer is run. */
export interface ApptainerOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs Apptainer with a bare environment of its own (the caller's may set prefixes that change what it does). */
export function runApptainer(
  program: string,
  args: readonly string[],
  options: ApptainerOptions & { readonly input?: string },
): Finished {
  const { cwd, input } = options;
  // Without input no pipe either: some shells take a socket on their standard input for a remote login.
  const { status, stdout, stderr, error } = spawnSync(program, [...args], {
    cwd,
    env: bareEnvironment(options),
    encoding: "utf8",
    stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    ...(input === undefined ? {} : { input }),
  });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

/** As {@link runApptainer}, while the test does something else. */
export async function startApptainer(
  program: string,
  args: readonly string[],
  options: ApptainerOptions,
): Promise<Finished> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: bareEnvironment(options),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { status, stdout, stderr };
}

function bareEnvironment(options: ApptainerOptions): Record<string, string> {
  const { PATH = "", HOME = "/root", TMPDIR, SIFON_LAB } = process.env;
  return {
    PATH,
    HOME,
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    ...(SIFON_LAB === undefined ? {} : { SIFON_LAB }),
    ...options.env,
  };
}
