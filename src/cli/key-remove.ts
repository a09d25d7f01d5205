import { Command } from "commander";
import { KeyError, removeFromKeyring } from "../index.ts";
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
      const [given, secret] = [values.flag("public"), values.flag("secret")];
      const both = values.flag("both") || (given && secret);
      const trusted = values.flag("global") ? GLOBAL_KEYRING : paths.public;
      const keyrings = {
        public: both || !secret ? trusted : undefined,
        private: both || secret ? paths.secret : undefined,
      };
      await removeFrom(keyrings, fingerprint.replace(/^0x/, ""));
    });
  declareOptions(command, OPTIONS);
  return command;
}

interface ChosenKeyrings {
  readonly public: string | undefined;
  readonly private: string | undefined;
}

/** Of both, one that has the key is enough, as for Apptainer: what was asked for is gone from both. */
async function removeFrom(keyrings: ChosenKeyrings, fingerprint: string): Promise<void> {
  const failures: { readonly kind: string; readonly cause: unknown }[] = [];
  const chosen = (["public", "private"] as const).filter((kind) => keyrings[kind] !== undefined);
  for (const kind of chosen) {
    try {
      await removeFromKeyring(keyrings[kind] as string, fingerprint);
    } catch (cause) {
      failures.push({ kind, cause });
    }
  }
  const isAbsent = failures.every(({ cause }) => cause instanceof KeyError && cause.code === "KEY_NOT_FOUND");
  if (failures.length === 0 || (isAbsent && failures.length < chosen.length)) return;
  const reasons = failures.map(({ kind, cause }) => `${kind} key: ${reasonOf(cause)}`);
  const [first, second] = reasons;
  const what = second === undefined ? first : `neither ${first}, nor ${second}`;
  throw new FatalError(`Unable to remove ${what}`, { cause: failures[0]?.cause });
}
