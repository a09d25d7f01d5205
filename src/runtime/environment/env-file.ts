import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { RuntimeError } from "../errors.ts";
import { runScript } from "../shell/execute.ts";
import { setOwnVariables } from "../shell/own-variables.ts";
import { type ShellOutput, ShellState } from "../shell/state.ts";
import { ShellSyntaxError, ShellUnsupported } from "../shell/syntax.ts";
import type { TextView } from "../text-view.ts";

/** A file of `--env-file` may look at the host's files, as Apptainer lets it, and neither reads nor runs them. */
const HOST: TextView = {
  list: async () => [],
  read: async () => undefined,
  look: async (path) => {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return undefined;
    const kind = found.isDirectory() ? "directory" : found.isFile() ? "file" : "other";
    return { kind, executable: await isExecutable(path) };
  },
  isFilled: async (path) => ((await stat(path).catch(() => undefined))?.size ?? 0) > 0,
};

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/** What an `--env-file` gives. */
export interface EnvFileResult {
  /** In the order in which the script sets them. */
  readonly variables: ReadonlyMap<string, string>;
  readonly output: readonly ShellOutput[];
}

/**
 * Evaluates a file of `--env-file`: a shell script of which all variables count, exported or not. It sees the host's
 * environment. Programs are never run: what needs one is an error, where Apptainer takes an empty text in $(…).
 * @throws RuntimeError ENV_FILE_INVALID
 */
export async function evaluateEnvFile(
  text: string,
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<EnvFileResult> {
  const state = new ShellState({ view: HOST, scriptName: path, pid: process.pid });
  for (const [name, value] of Object.entries(environment)) if (value !== undefined) state.set(name, value, true);
  setOwnVariables(state, { cwd: process.cwd(), ids: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } });
  const before = new Map(state.variables);
  try {
    // As Apptainer's interpreter, which passes over NUL bytes.
    const end = await runScript(text.replaceAll("\0", ""), state, path);
    if (end.kind === "exit" && end.status !== 0) throw new Error(`exit status ${end.status}`);
  } catch (error) {
    throw new RuntimeError("ENV_FILE_INVALID", { path, problem: problemOf(error, path), cause: error });
  }
  const variables = new Map<string, string>();
  for (const [name, variable] of state.variables) {
    // HOME is the container's own (Apptainer 1.4.5 drops it without a word).
    if (name !== "HOME" && before.get(name) !== variable) variables.set(name, variable.value);
  }
  return { variables, output: state.output };
}

function problemOf(error: unknown, path: string): string {
  const prefix = `while processing ${path}: while evaluating environment script`;
  if (error instanceof ShellSyntaxError) return `${prefix}: while parsing script: line ${error.line}: ${error.message}`;
  if (error instanceof ShellUnsupported) return `${prefix}: line ${error.line}: ${error.what} is not allowed here`;
  return `${prefix}: ${error instanceof Error ? error.message : error}`;
}
