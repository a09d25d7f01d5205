import { spawn } from "node:child_process";
import { buffer } from "node:stream/consumers";

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string | Uint8Array;
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  /** Exit code; 128 + 15 and the like where a signal ended it, as a shell says it. */
  readonly code: number;
  readonly stdout: string;
  readonly stdoutBytes: Buffer;
  readonly stderr: string;
}

/** Runs a program to its end and gives what it said; a failing exit code is a result, not an error. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { stdin, env, ...rest } = options;
  const child = spawn(command, args, { ...rest, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const code = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => resolve(status ?? 128 + (signal === "SIGKILL" ? 9 : 15)));
  });
  // A program that stops reading early breaks the pipe; that is its business, not an error of the test.
  child.stdin.on("error", () => {});
  child.stdin.end(stdin);
  const [stdoutBytes, stderr, status] = await Promise.all([buffer(child.stdout), buffer(child.stderr), code]);
  return { code: status, stdoutBytes, stdout: stdoutBytes.toString("utf8"), stderr: stderr.toString("utf8") };
}

/** Runs a program that has to succeed; throws with what it said otherwise. */
export async function mustRun(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await runCommand(command, args, options);
  if (result.code !== 0) {
    throw new Error(
      `${command} ${args.join(" ")}: exit ${result.code}\n${result.stderr}${result.stdout}`.slice(0, 4000),
    );
  }
  return result;
}
