import { open } from "node:fs/promises";
import { Command } from "commander";
import { armorKey, checkPassphrase, readKeyring } from "../index.ts";
import { reasonOf } from "./attempt.ts";
import type { Context, LogOpener } from "./context.ts";
import { CommandError, ExitCode, UsageError } from "./exit.ts";
import { askPassphrase, chooseKey, GLOBAL_KEYRING, KEYSDIR_OPTION, keyringPaths, longEntry } from "./key-material.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";
import { openPrompt, type Prompt } from "./prompt.ts";

const OPTIONS: readonly OptionSpec[] = [
  { flags: "-a, --armor", description: "as text (ASCII armor) instead of binary" },
  { flags: "-s, --secret", description: "a private key; it stays encrypted", env: ["SECRET"] },
  { flags: "-g, --global", description: "a key of those that all users trust" },
  KEYSDIR_OPTION,
];

/** `sifon key export FILE` */
export function exportCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("export")
    .description("Write a key of the keyring to a file")
    .usage("[options] <file>")
    .argument("[words...]", "the file")
    .action(async (words: string[], _options: unknown, self: Command) => {
      const [path] = words;
      if (path === undefined || words.length > 1) {
        throw new UsageError("key export", `accepts 1 arg(s), received ${words.length}`);
      }
      const values = new OptionValues(self, OPTIONS, context.environment, openLog());
      const paths = keyringPaths(values, context);
      const secret = values.flag("secret");
      const keyring = secret ? paths.secret : values.flag("global") ? GLOBAL_KEYRING : paths.public;
      const kind = secret ? "private" : "public";
      let opened: Prompt | undefined;
      const prompt = () => {
        opened ??= openPrompt(context);
        return opened;
      };
      try {
        const key = await chooseKey(
          await readKeyring(keyring, { signal: context.signal }),
          { kind, entry: longEntry },
          prompt,
        );
        // Whoever takes a private key away has to know its passphrase.
        if (secret) await checkPassphrase(key, await askPassphrase(key, prompt));
        await writeKey(path, values.flag("armor") ? Buffer.from(`${armorKey(key)}\n`) : key.bytes, secret);
        const title = secret ? "Private" : "Public";
        context.stdout.write(`${title} key with fingerprint ${key.fingerprint} correctly exported to file: ${path}\n`);
      } catch (cause) {
        context.signal.throwIfAborted();
        throw new CommandError(`key export command failed: ${reasonOf(cause)}`, ExitCode.keyExport, { cause });
      } finally {
        opened?.close();
      }
    });
  declareOptions(command, OPTIONS);
  return command;
}

/** A private key's file is for its owner alone, from before there is anything in it. */
async function writeKey(path: string, content: Uint8Array, secret: boolean): Promise<void> {
  const file = await open(path, "w", secret ? 0o600 : 0o644);
  try {
    if (secret) await file.chmod(0o600);
    await file.writeFile(content);
  } finally {
    await file.close();
  }
}
