import { Command } from "commander";
import {
  addKeysToKeyring,
  addToKeyring,
  changePassphrase,
  type PgpKey,
  publicHalf,
  readKeyFile,
  readPgpKeys,
} from "../index.ts";
import { reasonOf } from "./attempt.ts";
import type { Context, LogOpener } from "./context.ts";
import { CommandError, ExitCode, FatalError, UsageError } from "./exit.ts";
import { GLOBAL_KEYRING, KEYSDIR_OPTION, keyringPaths } from "./key-material.ts";
import { askNewPassphrase } from "./key-newpair.ts";
import type { Logger } from "./logger.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";
import { openPrompt } from "./prompt.ts";

const OPTIONS: readonly OptionSpec[] = [
  { flags: "-g, --global", description: "add public keys to those that all users trust (administrators)" },
  { flags: "--new-password", description: "give a private key another passphrase" },
  KEYSDIR_OPTION,
];

/** `sifon key import FILE` */
export function importCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("import")
    .description("Add the keys of a file, armored or binary, to the keyrings")
    .usage("[options] <file>")
    .argument("[words...]", "the file")
    .action(async (words: string[], _options: unknown, self: Command) => {
      const [path] = words;
      if (path === undefined || words.length > 1) {
        throw new UsageError("key import", `accepts 1 arg(s), received ${words.length}`);
      }
      const log = openLog();
      const values = new OptionValues(self, OPTIONS, context.environment, log);
      const paths = keyringPaths(values, context);
      const trusted = values.flag("global") ? GLOBAL_KEYRING : paths.public;
      try {
        const keys = await readKeys(path, context);
        // Apptainer says nothing of an empty file; its exit code is the same.
        if (keys.length === 0) log.warning(`${path} holds no key`);
        for (let at = 0; at < keys.length; ) {
          const key = keys[at] as PgpKey;
          if (!key.isSecret) {
            const end = keys.findIndex((one, i) => i > at && one.isSecret);
            const row = keys.slice(at, end < 0 ? undefined : end);
            await addPublicKeys(trusted, row, context);
            at += row.length;
            continue;
          }
          at++;
          if (values.flag("global")) throw new FatalError("private keys belong into no global keyring");
          // Deviates: Apptainer asks for the passphrase of each private key; here it stays as it is in the file.
          const kept = values.flag("newPassword") ? await withNewPassphrase(key, context, log) : key;
          await addToKeyring(paths.secret, kept);
          context.stdout.write(addedText(key, "private"));
          // Where the public half is there already the private one is kept, and the run fails all the same.
          await addToKeyring(trusted, await publicHalf(key));
          context.stdout.write(addedText(key, "public"));
        }
      } catch (cause) {
        context.signal.throwIfAborted();
        throw new CommandError(`key import command failed: ${reasonOf(cause)}`, ExitCode.keyImport, { cause });
      }
    });
  declareOptions(command, OPTIONS);
  return command;
}

/** The keyring is read and written once for all of them. */
async function addPublicKeys(keyring: string, keys: readonly PgpKey[], { stdout }: Context): Promise<void> {
  const added = await addKeysToKeyring(keyring, keys);
  for (const key of keys.slice(0, added)) stdout.write(addedText(key, "public"));
  const present = keys[added];
  // Refused once more, by itself, so that it is told which one ended it.
  if (present !== undefined) await addToKeyring(keyring, present);
}

async function readKeys(path: string, { signal }: Context): Promise<readonly PgpKey[]> {
  try {
    return await readPgpKeys(await readKeyFile(path, { signal }));
  } catch (cause) {
    throw new FatalError(`unable to get entity from: ${path}: ${reasonOf(cause)}`, { cause });
  }
}

async function withNewPassphrase(key: PgpKey, context: Context, log: Logger): Promise<PgpKey> {
  const prompt = openPrompt(context);
  try {
    const former = key.isEncrypted ? await prompt.askSecret("Enter your old password : ") : undefined;
    return await changePassphrase(key, former, await askNewPassphrase(prompt, log));
  } finally {
    prompt.close();
  }
}

function addedText({ fingerprint }: PgpKey, keyring: "public" | "private"): string {
  return `Key with fingerprint ${fingerprint} successfully added to the ${keyring} keyring\n`;
}
