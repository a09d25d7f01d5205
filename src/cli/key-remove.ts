import { Command } from "commander";
import { removeFromKeyring } from "../index.ts";
import { reasonOf } from "./attempt.ts";
import type { Context, LogOpener } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import { GLOBAL_KEYRING, KEYSDIR_OPTION, keyringPaths } from "./key-material.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";

const OPTIONS: readonly OptionSpec[] = [
  { flags: "-p, --public", description: "remove the public key (default)" },
  { flags: "-s, --secret", description: "remove the private key instead" },
  { flags: "-b, --both", description: "remove both" },
  { flags: "-g, --global", description: "remove a key from those that all users trust (administrators)" },
  KEYSDIR_OPTION,
];

/** `sifon key remove FINGERPRINT` */
export function removeCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("remove")
    .description("Remove a key from the keyring")
    .usage("[options] <fingerprint>")
    .argument("[words...]", "the key's fingerprint, 40 hex digits")
    .action(async (words: string[], _options: unknown, self: Command) => {
      const [fingerprint] = words;
      if (fingerprint === undefined || words.length > 1) {
        throw new UsageError("key remove", `accepts 1 arg(s), received ${words.length}`);
      }
      const values = new OptionValues(self, OPTIONS, context.environment, openLog());
      const paths = keyringPaths(values, context);
      const [both, secret] = [values.flag("both"), values.flag("secret")];
      if (both || !secret) {
        await removeFrom(values.flag("global") ? GLOBAL_KEYRING : paths.public, fingerprint, "public");
      }
      if (both || secret) await removeFrom(paths.secret, fingerprint, "private");
    });
  declareOptions(command, OPTIONS);
  return command;
}

async function removeFrom(keyring: string, fingerprint: string, kind: "public" | "private"): Promise<void> {
  try {
    await removeFromKeyring(keyring, fingerprint);
  } catch (cause) {
    throw new FatalError(`Unable to remove ${kind} key: ${reasonOf(cause)}`, { cause });
  }
}
