import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type CommandOptions, type CommandResult, mustRun, runCommand } from "./command.ts";

/** The built command line, as users run it: behind two dashes, without which Node 20 takes some of its options. */
export const SIFON_MAIN: string = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/** Variables of the developer's own shell that would change what Sifon does. */
const CLEAN: Readonly<Record<string, undefined>> = Object.fromEntries(
  Object.keys(process.env)
    .filter((name) => /^(SIFON|APPTAINER|SINGULARITY)_/.test(name) || name === "SOURCE_DATE_EPOCH")
    .map((name) => [name, undefined]),
);

/** Runs `sifon` with these arguments. */
export function sifon(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return runCommand(process.execPath, ["--", SIFON_MAIN, ...args], { ...options, env: { ...CLEAN, ...options.env } });
}

/** Runs `sifon`, which has to succeed. */
export function mustSifon(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return mustRun(process.execPath, ["--", SIFON_MAIN, ...args], { ...options, env: { ...CLEAN, ...options.env } });
}

/** A run of `sifon` that goes on while the test does something. */
export interface SifonProcess {
  readonly child: ChildProcess;
  /** Everything it has said so far on standard error. */
  stderr(): string;
  /** Resolves once standard error matches; rejects when the process ends before. */
  said(pattern: RegExp): Promise<void>;
  readonly ended: Promise<SifonEnd>;
}

export interface SifonEnd {
  /** Exit code, or null where a signal that nobody caught ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** True when a process of its group outlives it. */
  readonly leftProcesses: boolean;
}

/** How a run is started that goes on. */
export type StartSifonOptions = Omit<CommandOptions, "stdin"> & {
  readonly stdio?: StdioOptions;
  readonly nodeArgs?: readonly string[];
};

/** Starts `sifon` in a process group of its own, without a terminal. */
export function startSifon(args: readonly string[], options: StartSifonOptions = {}): SifonProcess {
  return sifonAs([], args, options);
}

/** As `startSifon`, by a program that changes what it runs as and becomes it, with its words: `setpriv --reuid=1`. */
export function sifonAs(
  prefix: readonly string[],
  args: readonly string[],
  options: StartSifonOptions = {},
): SifonProcess {
  const { env, stdio = ["ignore", "pipe", "pipe"], nodeArgs = [], ...rest } = options;
  const [program, ...words] = [...prefix, process.execPath, ...nodeArgs, "--", SIFON_MAIN, ...args];
  const child = spawn(program as string, words, {
    ...rest,
    env: { ...process.env, ...CLEAN, ...env },
    stdio,
    detached: true,
  });
  const stdout: Buffer[] = [];
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<SifonEnd>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve({ code, signal, stdout: Buffer.concat(stdout), stderr, leftProcesses: groupLives(child.pid as number) });
    });
  });
  const said = (pattern: RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (pattern.test(stderr)) resolve();
      };
      child.stderr?.on("data", look);
      child.once("close", () => reject(new Error(`it ended without saying ${pattern}:\n${stderr}`)));
      look();
    });
  return { child, stderr: () => stderr, said, ended };
}

function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}
