import { Command } from "commander";
import { readKeyring } from "../index.ts";
import type { Context, LogOpener } from "./context.ts";
import { UsageError } from "./exit.ts";
import { GLOBAL_KEYRING, KEYSDIR_OPTION, keyringPaths, longEntry } from "./key-material.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";

const OPTIONS: readonly OptionSpec[] = [
  { flags: "-s, --secret", description: "list private keys instead of public ones", env: ["SECRET"] },
  { flags: "-g, --global", description: "list the keys that the administrator lets all users trust" },
  KEYSDIR_OPTION,
];

/** `sifon key list` */
export function listCommand(context: Context, openLog: LogOpener): Command {
  const list = new Command("list")
    .description("List the keys of the keyring")
    .usage("[options]")
    .argument("[words...]")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length > 0) throw new UsageError("key list", `accepts 0 arg(s), received ${words.length}`);
      const values = new OptionValues(self, OPTIONS, context.environment, openLog());
      const paths = keyringPaths(values, context);
      const secret = values.flag("secret");
      const path = secret ? paths.secret : values.flag("global") ? GLOBAL_KEYRING : paths.public;
      const keys = await readKeyring(path, { signal: context.signal });
      const title = `${secret ? "Private" : "Public"} key listing (${path}):`;
      context.stdout.write(`${title}\n\n${keys.map(longEntry).join("")}`);
    });
  declareOptions(list, OPTIONS);
  return list;
}
