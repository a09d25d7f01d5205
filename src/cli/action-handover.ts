import { spawn } from "node:child_process";
import { homedir } from "node:os";
import { currentFolder, type ProgramEnd, searchPath, systemReason } from "../runtime.ts";
import { CONTAINER_OPTIONS } from "./action-options.ts";
import type { Context } from "./context.ts";
import { FatalError } from "./exit.ts";
import { forwardSignals } from "./forward-signals.ts";
import { type Logger, Verbosity } from "./logger.ts";
import { attributeName, type OptionValues, PREFIXES } from "./options.ts";
import type { TypedAction } from "./run-action.ts";

const VERBOSITY_FLAGS: readonly (readonly [Verbosity, string])[] = [
  [Verbosity.silent, "--silent"],
  [Verbosity.quiet, "--quiet"],
  [Verbosity.verbose, "--verbose"],
  [Verbosity.debug, "--debug"],
];

interface HandOverTools {
  readonly values: OptionValues;
  readonly log: Logger;
  readonly context: Context;
}

/** Has an installed Apptainer or Singularity do what was typed; resolves to how it ended. */
export async function handOver(typed: TypedAction, { values, log, context }: HandOverTools): Promise<ProgramEnd> {
  const words = apptainerArguments(typed, values, log.verbosity);
  const environment = apptainerEnvironment(context.environment);
  const refused: string[] = [];
  for (const program of ["apptainer", "singularity"]) {
    const found = searchPath(program, environment.PATH ?? "");
    if (found.path !== undefined) return runProgram(found.path, words, environment);
    log.debug(`${program} is not installed`);
    if (found.refused !== undefined) refused.push(`${found.refused} is there, but you may not execute it`);
  }
  const why = ["neither apptainer nor singularity is installed (or in PATH)", ...refused].join("; ");
  throw new FatalError(`--engine apptainer: ${why}; leave the option out to run with Sifon's own engine`);
}

/** The words with which Apptainer does the same. */
function apptainerArguments(
  { action, image, args }: TypedAction,
  values: OptionValues,
  verbosity: Verbosity,
): string[] {
  const words: string[] = VERBOSITY_FLAGS.filter(([level]) => level === verbosity).map(([, flag]) => flag);
  words.push(action);
  for (const { flags, repeatable } of CONTAINER_OPTIONS) {
    const name = attributeName(flags);
    const flag = /--[a-z-]+/.exec(flags)?.[0] ?? "";
    // Apptainer's other actions do not know them.
    if (name === "shell" && action !== "shell") continue;
    if (name === "runscriptTimeout" && action !== "run") continue;
    if (repeatable) words.push(...values.texts(name).map((value) => `${flag}=${value}`));
    else if (flags.includes("<")) {
      const value = values.text(name);
      if (value !== undefined) words.push(`${flag}=${value}`);
    } else if (values.flag(name)) words.push(flag);
  }
  return [...words, image, ...args];
}

/** Without the variables of options, which are among the words already, and with those of the container by its names. */
function apptainerEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const options = CONTAINER_OPTIONS.flatMap(({ env = [] }) => env);
  const told = new Set(PREFIXES.flatMap((prefix) => options.map((key) => prefix + key)));
  const kept = Object.entries(environment).filter(([name]) => !told.has(name) && !name.startsWith("SIFONENV_"));
  const forced = Object.entries(environment)
    .filter(([name]) => name.startsWith("SIFONENV_"))
    .map(([name, value]) => [`APPTAINERENV_${name.slice("SIFONENV_".length)}`, value]);
  return Object.fromEntries([...kept, ...forced]) as NodeJS.ProcessEnv;
}

function runProgram(program: string, words: readonly string[], environment: NodeJS.ProcessEnv): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    // Where the current directory is gone, it goes to the home directory, too, for want of another.
    const cwd = currentFolder() ?? homedir();
    const child = spawn(program, words, { stdio: "inherit", env: environment, cwd });
    const stop = forwardSignals(process, {
      ...{ stdin: null, stdout: null, stderr: null, ended: new Promise(() => {}) },
      kill: (name) => child.kill(name),
    });
    child.once("error", (cause) => {
      stop();
      const why = systemReason(cause);
      reject(
        new FatalError(`--engine apptainer: ${program} cannot be executed: ${why}; see to it, or leave the option out`),
      );
    });
    child.once("close", (status, signal) => {
      stop();
      resolve(signal === null ? { kind: "exit", code: status ?? 1 } : { kind: "signal", signal });
    });
  });
}
