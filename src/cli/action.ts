import { Command } from "commander";
import { type ActionRequest, containerHelp } from "../runtime.ts";
import { ACTION_OPTIONS } from "./action-options.ts";
import type { Context, LogOpener } from "./context.ts";
import { EndedBySignal, ExitStatus, FatalError, UsageError } from "./exit.ts";
import { declareOptions, OptionValues } from "./options.ts";
import { runAction } from "./run-action.ts";

const DESCRIPTIONS = {
  run: ["Run an image by its runscript; what follows it belongs to the program", "<image> [args...]"],
  exec: ["Run a command in an image", "<image> <command> [args...]"],
  shell: ["Run a shell in an image", "<image>"],
  test: ["Run an image's tests", "<image> [args...]"],
} as const satisfies Record<ActionRequest["action"], readonly [string, string]>;

/** `sifon run|exec|shell|test|run-help IMAGE …`. */
export function actionCommands(context: Context, openLog: LogOpener): Command[] {
  const actions = Object.entries(DESCRIPTIONS) as [ActionRequest["action"], readonly [string, string]][];
  return [...actions.map(([action, words]) => actionCommand(action, words, context, openLog)), helpCommand(context)];
}

function actionCommand(
  action: ActionRequest["action"],
  [description, words]: readonly [string, string],
  context: Context,
  openLog: LogOpener,
): Command {
  const command = new Command(action)
    .description(description)
    .usage(`[options] ${words}`)
    .argument("[words...]")
    // What stands behind the image is the program's, options too.
    .passThroughOptions()
    .action(async (given: string[], _options: unknown, self: Command) => {
      const [image, ...args] = given;
      const least = action === "exec" ? 2 : 1;
      if (image === undefined || given.length < least) {
        throw new UsageError(action, `requires at least ${least} arg(s), only received ${given.length}`);
      }
      const values = new OptionValues(self, ACTION_OPTIONS, context.environment, openLog());
      const end = await runAction({ action, image, args, command: self }, { values, log: openLog(), context });
      if (end.kind === "signal") throw new EndedBySignal(end.signal);
      if (end.code !== 0) throw new ExitStatus(end.code);
    });
  declareOptions(command, ACTION_OPTIONS);
  return command;
}

function helpCommand(context: Context): Command {
  return new Command("run-help")
    .description("Show the help that an image brings along")
    .usage("[options] <image>")
    .argument("[words...]")
    .option("--app <name>", "of an app in it")
    .action(async (words: string[], { app }: { readonly app?: string }) => {
      if (words.length !== 1) throw new UsageError("run-help", `accepts 1 arg(s), received ${words.length}`);
      const image = words[0] as string;
      const help = await containerHelp(image, app).catch((cause: Error) => {
        throw new FatalError(`Failed to open image ${image}: ${cause.message}`, { cause });
      });
      context.stdout.write(help);
    });
}
