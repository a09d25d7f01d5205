import { Command, CommanderError } from "commander";
import { printable, printableLines, SifonError, VERSION } from "../runtime.ts";
import { actionCommands } from "./action.ts";
import { ACTIONS, isAction } from "./action-names.ts";
import { advisedMessage } from "./advice.ts";
import { takeBooleanValues } from "./boolean-values.ts";
import { type Context, createLogger } from "./context.ts";
import { CommandError, EndedBySignal, ExitCode, ExitStatus, FatalError, UsageError } from "./exit.ts";
import type { Logger } from "./logger.ts";
import { refusalOf } from "./refused-options.ts";
import { Interrupted } from "./signals.ts";
import { isUndoFailure } from "./undo-failure.ts";
import { commanderMessage } from "./usage-message.ts";

/**
 * Runs one command line (without node and script); resolves to the exit code, or to the signal by which the process
 * is to end, and never rejects.
 */
export async function run(argv: readonly string[], context: Context): Promise<number | NodeJS.Signals> {
  let log: Logger | undefined;
  const openLog = () => {
    log ??= createLogger(program, context);
    return log;
  };
  // A container starts without loading what the other commands need.
  const commands = isAction(argv)
    ? actionCommands(context, openLog)
    : (await import("./commands.ts")).commands(context, openLog);
  const program = createProgram(context, commands);
  try {
    await program.parseAsync(argv, { from: "user" }).catch((error: unknown) => {
      if (!(error instanceof CommanderError && error.exitCode === 0)) throw error;
    });
    if (context.stdout.errored) (await import("./output.ts")).checkOutput(context);
    return ExitCode.ok;
  } catch (error) {
    if (error instanceof ExitStatus) return error.code;
    if (error instanceof EndedBySignal) return error.signal;
    if (error instanceof UsageError) return explainUsage(error, program, context);
    return explain(error, openLog(), context);
  }
}

function createProgram(context: Context, commands: readonly Command[]): Command {
  const program = new Command("sifon")
    .description("Turns Docker and OCI images into SIF files, as a stream")
    .usage("[global options] <command>")
    .version(`sifon version ${VERSION}`, "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .option("-d, --debug", "print debugging information")
    .option("-v, --verbose", "print additional information")
    .option("-q, --quiet", "suppress normal output")
    .option("-s, --silent", "only print errors")
    .option("--nocolor", "print without colour output")
    .option("-c, --config <file>", "configuration file (default: ~/.config/sifon/config.toml)")
    .helpCommand("help [command]", "print the help of a command")
    .enablePositionalOptions()
    .showSuggestionAfterError(false)
    // Commander's own error text is replaced by Apptainer's: explainUsage() writes it.
    .configureOutput({ writeErr: () => {}, writeOut: (text) => context.stdout.write(text) });
  for (const command of commands) {
    program.addCommand(refuseAsUsage(command.copyInheritedSettings(program), command.name()));
    for (const below of command.commands) {
      refuseAsUsage(below.copyInheritedSettings(command), `${command.name()} ${below.name()}`);
    }
  }
  program.hook("preAction", async (_program, command) => {
    if (!ACTIONS.has(command.name())) await (await import("./load-settings.ts")).loadSettings(program, context);
  });
  program.action((_options, command: Command) => {
    const unknown = command.args[0];
    if (unknown !== undefined) throw new UsageError("", `unknown command "${unknown}" for "sifon"`);
    command.outputHelp();
  });
  return refuseAsUsage(program.allowExcessArguments(), "");
}

/** Lets what commander finds wrong end as a `UsageError` of that command; help and version pass. */
function refuseAsUsage(command: Command, name: string): Command {
  // Each command counts its words itself, so commander knows them as `[words...]`; the usage has their names.
  command.configureHelp({
    subcommandTerm: (below) => below.name(),
    argumentTerm: () => command.usage().replace(/^\[options\] /, ""),
  });
  // A command below ends the options of those above it, the image those of an action: the container's follow.
  takeBooleanValues(command, { name, endsAtWord: command.commands.length > 0 || ACTIONS.has(name) });
  return command.exitOverride((error) => {
    if (error.exitCode === 0) throw error;
    const option = /^error: unknown option '(-[^']*)'/.exec(error.message)?.[1];
    const refusal = option === undefined ? undefined : refusalOf(name, option);
    throw refusal === undefined ? new UsageError(name, commanderMessage(error.message)) : new FatalError(refusal);
  });
}

function explainUsage(error: UsageError, program: Command, context: Context): number {
  let command: Command | undefined = error.command === "" ? undefined : program;
  for (const name of error.command.split(" ")) command = command?.commands.find((below) => below.name() === name);
  if (command === undefined) {
    context.stderr.write(`Error: ${printable(error.message)}\nRun 'sifon --help' for usage.\n`);
    return ExitCode.usage;
  }
  const usage = error.brief
    ? `Usage:\n  sifon [global options...] ${error.command} ${command.usage()}\n\nRun 'sifon --help' for more detailed usage information.\n`
    : command.helpInformation();
  context.stderr.write(`Error for command "${command.name()}": ${printableLines(error.message)}\n\n${usage}`);
  return ExitCode.usage;
}

function explain(error: unknown, log: Logger, context: Context): number {
  const interrupted = isUndoFailure(error) ? undefined : (interruption(error) ?? interruption(context.signal.reason));
  if (interrupted !== undefined) {
    const { exitCode, trapped } = interrupted;
    log.fatal(`Interrupted by ${trapped}: nothing was written`, { code: "INTERRUPTED", exitCode });
    return exitCode;
  }
  for (const cause of causes(error)) log.verbose(`caused by: ${cause.message}`);
  for (const one of [error, ...causes(error)]) {
    if (one instanceof Error && !(one instanceof FatalError)) log.debug(one.stack ?? "");
  }
  const own = error instanceof CommandError ? error.exitCode : undefined;
  const exitCode = own ?? ExitCode.fatal;
  log.fatal(advisedMessage(error), { code: codeOf(error), exitCode }, own === undefined ? "FATAL" : "ERROR");
  return exitCode;
}

/** The code of what was refused: Sifon's own, or that of a refusal by the command line. */
function codeOf(error: unknown): string {
  for (const one of [error, ...causes(error)]) {
    if (one instanceof SifonError) return one.code;
    if (one instanceof FatalError && one.cause === undefined) return "REFUSED";
  }
  return "FAILED";
}

function interruption(reason: unknown): Interrupted | undefined {
  for (let at: unknown = reason; at instanceof Error; at = at.cause) {
    if (at instanceof Interrupted) return at;
  }
  return undefined;
}

function* causes(error: unknown): Generator<Error> {
  for (let at = error instanceof Error ? error.cause : undefined; at instanceof Error; at = at.cause) yield at;
}
