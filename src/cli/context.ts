import type { Command } from "commander";
import { Logger, Verbosity } from "./logger.ts";
import { parseBool } from "./options.ts";

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

/** The logger that the global options and the environment ask for. */
export function createLogger(program: Command, context: Context): Logger {
  const options = program.opts<GlobalOptions>();
  const asked = (flag: boolean | undefined, key: string) =>
    flag === true ||
    ["SIFON_", "APPTAINER_", "SINGULARITY_"].some(
      (prefix) => parseBool(context.environment[prefix + key] ?? "") === true,
    );
  let verbosity: Verbosity = Verbosity.info;
  if (asked(options.verbose, "VERBOSE")) verbosity = Verbosity.verbose;
  if (asked(options.debug, "DEBUG")) verbosity = Verbosity.debug;
  if (asked(options.quiet, "QUIET")) verbosity = Verbosity.quiet;
  if (asked(options.silent, "SILENT")) verbosity = Verbosity.silent;
  const colour = !asked(options.nocolor, "NOCOLOR") && context.environment.NO_COLOR === undefined;
  return new Logger({ verbosity, stream: context.stderr, colour });
}
