import { Command } from "commander";
import type { Context, LogOpener } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import { exportCommand } from "./key-export.ts";
import { importCommand } from "./key-import.ts";
import { listCommand } from "./key-list.ts";
import { newpairCommand } from "./key-newpair.ts";
import { removeCommand } from "./key-remove.ts";

/** `sifon key …`: the OpenPGP keys that sign and verify images, in the keyrings that Apptainer uses. */
export function keyCommand(context: Context, openLog: LogOpener): Command {
  const key = new Command("key")
    .description("Manage the OpenPGP keys that sign and verify images")
    .usage("newpair|list|import|export|remove");
  for (const make of [newpairCommand, listCommand, importCommand, exportCommand, removeCommand]) {
    key.addCommand(make(context, openLog));
  }
  for (const verb of ["push", "pull", "search"]) key.addCommand(keyserverCommand(verb), { hidden: true });
  key.argument("[words...]").action((words: string[]) => {
    if (words.length > 0) throw new UsageError("key", `unknown command "${words[0]}" for "sifon key"`);
    key.outputHelp();
  });
  return key;
}

/** Deviates: Sifon asks no key server; the message says what does instead (test/cli/key.test.ts). */
function keyserverCommand(verb: string): Command {
  return new Command(verb)
    .description("not supported: Sifon asks no key server")
    .argument("[words...]")
    .allowUnknownOption()
    .action(() => {
      throw new FatalError(
        `${verb} failed: Sifon asks no key server. Exchange keys as files: "sifon key export --armor FILE", "sifon key import FILE"`,
      );
    });
}
