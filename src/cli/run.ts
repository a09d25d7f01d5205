import { Command, CommanderError } from "commander";
import { VERSION } from "../index.ts";
import { buildCommand } from "./build.ts";
import { type Context, createLogger } from "./context.ts";
import { ExitCode, FatalError, UsageError } from "./exit.ts";
import { pullCommand } from "./pull.ts";
import { Interrupted } from "./signals.ts";

/** Runs one command line (without node and script); resolves to the exit code and never rejects. */
export async function run(argv: readonly string[], context: Context): Promise<number> {
  const program = createProgram(context);
  try {
    await program.parseAsync(argv, { from: "user" });
    return ExitCode.ok;
  } catch (error) {
    return explain(error, program, context);
  }
}

function createProgram(context: Context): Command {
  const program = new Command("sifon")
    .description("Turns Docker and OCI images into SIF files, as a stream")
    .version(`sifon version ${VERSION}`, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .option("-d, --debug", "print debugging information")
    .option("-v, --verbose", "print additional information")
    .option("-q, --quiet", "suppress normal output")
    .option("-s, --silent", "only print errors")
    .option("--nocolor", "print without colour output")
    .enablePositionalOptions()
    .showSuggestionAfterError(false)
    .exitOverride()
    // Commander's own error text is replaced by Apptainer's: explain() writes it.
    .configureOutput({ writeErr: () => {}, writeOut: (text) => context.stdout.write(text) });
  for (const command of [buildCommand(context), pullCommand(context)]) {
    program.addCommand(command.copyInheritedSettings(program));
  }
  program.action((_options, command: Command) => {
    const unknown = command.args[0];
    if (unknown !== undefined) throw new UsageError("", `unknown command "${unknown}" for "sifon"`);
    command.outputHelp();
  });
  return program.allowExcessArguments();
}

function explain(error: unknown, program: Command, context: Context): number {
  if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.ok;
  if (error instanceof CommanderError) return usage(program, failedCommand(program), commanderMessage(error), context);
  if (error instanceof UsageError) return usage(program, error.command, error.message, context);
  const log = createLogger(program, context);
  const interrupted = interruption(error) ?? interruption(context.signal.reason);
  if (interrupted !== undefined) {
    log.fatal(`${interrupted.message[0]?.toUpperCase()}${interrupted.message.slice(1)}: nothing was written`);
    return interrupted.exitCode;
  }
  log.fatal(error instanceof Error ? error.message : String(error));
  for (const cause of causes(error)) log.verbose(`caused by: ${cause}`);
  if (error instanceof Error && !(error instanceof FatalError)) log.debug(error.stack ?? "");
  return ExitCode.fatal;
}

/** The command that stands in the arguments, for `Error for command "build": …`. */
function failedCommand(program: Command): string {
  const names = new Set(program.commands.map((command) => command.name()));
  return program.args.find((word) => names.has(word)) ?? "";
}

function commanderMessage(error: CommanderError): string {
  const text = error.message.replace(/^error: /, "");
  const unknown = /^unknown option '([^']*)'/.exec(text)?.[1];
  return unknown === undefined ? text : `unknown flag: ${unknown}`;
}

function usage(program: Command, name: string, message: string, context: Context): number {
  const command = program.commands.find((candidate) => candidate.name() === name);
  if (command === undefined) {
    context.stderr.write(`Error: ${message}\nRun 'sifon --help' for usage.\n`);
  } else {
    context.stderr.write(`Error for command "${name}": ${message}\n\n${command.helpInformation()}`);
  }
  return ExitCode.usage;
}

function interruption(reason: unknown): Interrupted | undefined {
  for (let at: unknown = reason; at instanceof Error; at = at.cause) {
    if (at instanceof Interrupted) return at;
  }
  return undefined;
}

function* causes(error: unknown): Generator<string> {
  for (let at = error instanceof Error ? error.cause : undefined; at instanceof Error; at = at.cause) yield at.message;
}
