import type { Command } from "commander";
import { Logger, Verbosity } from "./logger.ts";
import { PREFIXES, parseBool } from "./options.ts";

/** What every command is run with: its streams, its environment, and the signal that ends it. */
export interface Context {
  readonly environment: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

/** The options in front of the command. */
interface GlobalOptions {
  readonly silent?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly debug?: boolean;
  readonly nocolor?: boolean;
}

/** Gives the run's one logger; the arguments have been parsed when it is first asked for. */
export type LogOpener = () => Logger;

/** The logger that the global options and the environment ask for. */
export function createLogger(program: Command, context: Context): Logger {
  const options = program.opts<GlobalOptions>();
  const asked = (flag: boolean | undefined, key: string) =>
    flag === true || parseBool(variable(context, key) ?? "") === true;
  let verbosity: Verbosity = verbosityOfLevel(variable(context, "MESSAGELEVEL"));
  if (asked(options.verbose, "VERBOSE")) verbosity = Verbosity.verbose;
  if (asked(options.debug, "DEBUG")) verbosity = Verbosity.debug;
  if (asked(options.quiet, "QUIET")) verbosity = Verbosity.quiet;
  if (asked(options.silent, "SILENT")) verbosity = Verbosity.silent;
  const colour = !asked(options.nocolor, "NOCOLOR") && context.environment.NO_COLOR === undefined;
  return new Logger({ verbosity, stream: context.stderr, colour });
}

function variable({ environment }: Context, key: string): string | undefined {
  return PREFIXES.map((prefix) => environment[prefix + key]).find(
    (value) => value !== undefined && value.trim() !== "",
  );
}

/** Apptainer's numbers: 5 debug, 2 to 4 verbose, 1 information, 0 and -1 warnings too, lower ones errors alone. */
function verbosityOfLevel(text: string | undefined): Verbosity {
  if (text === undefined || !/^-?\d{1,3}$/.test(text)) return Verbosity.info;
  const level = Number(text);
  if (level >= 5) return Verbosity.debug;
  if (level >= 2) return Verbosity.verbose;
  if (level === 1) return Verbosity.info;
  return level >= -1 ? Verbosity.quiet : Verbosity.silent;
}
