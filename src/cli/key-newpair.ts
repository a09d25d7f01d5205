import { Command } from "commander";
import { addToKeyring, generatePgpKey } from "../index.ts";
import { reasonOf } from "./attempt.ts";
import type { Context, LogOpener } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import { KEYSDIR_OPTION, keyringPaths } from "./key-material.ts";
import type { Logger } from "./logger.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";
import { openPrompt, type Prompt } from "./prompt.ts";

const OPTIONS: readonly OptionSpec[] = [
  { flags: "-N, --name <name>", description: "the owner's name" },
  { flags: "-E, --email <address>", description: "the owner's mail address" },
  { flags: "-C, --comment <text>", description: "a comment, such as what the key is for" },
  { flags: "-P, --password <password>", description: "the key's passphrase; empty for none (better: the prompt)" },
  { flags: "-b, --bit-length <bits>", description: "length of the RSA key: 2048 to 16384 (default 4096)" },
  { flags: "-U, --push", description: "refused: Sifon asks no key server", hidden: true },
  KEYSDIR_OPTION,
];

// Deviates: Apptainer makes shorter keys; readers (ours, too) refuse what they sign as too weak (test/cli/key.test.ts).
const MIN_BITS = 2048;
const MAX_BITS = 16_384;
const DEFAULT_BITS = "4096";

/** `sifon key newpair` */
export function newpairCommand(context: Context, openLog: LogOpener): Command {
  const newpair = new Command("newpair")
    .description("Make a new key pair and put it into the keyrings")
    .usage("[options]")
    .argument("[words...]")
    .action(async (words: string[], _options: unknown, self: Command) => {
      if (words.length > 0) throw new UsageError("key newpair", `accepts 0 arg(s), received ${words.length}`);
      const log = openLog();
      const values = new OptionValues(self, OPTIONS, context.environment, log);
      if (values.flag("push")) throw new FatalError("Sifon asks no key server: leave out --push");
      const bits = values.text("bitLength") ?? DEFAULT_BITS;
      const bitLength = /^\d{1,5}$/.test(bits) ? Number(bits) : 0;
      if (bitLength < MIN_BITS || bitLength > MAX_BITS) {
        throw new UsageError(
          "key newpair",
          `invalid value "${bits}" of --bit-length: expected ${MIN_BITS} to ${MAX_BITS}`,
        );
      }
      const paths = keyringPaths(values, context);
      const owner = await askOwner(values, context, log);
      context.stdout.write("Generating Entity and OpenPGP Key Pair... ");
      try {
        const { publicKey, secretKey } = await generatePgpKey({ ...owner, bitLength });
        context.signal.throwIfAborted();
        await addToKeyring(paths.secret, secretKey);
        await addToKeyring(paths.public, publicKey);
      } catch (cause) {
        context.stdout.write("\n");
        context.signal.throwIfAborted();
        throw new FatalError(`While making the key pair: ${reasonOf(cause)}`, { cause });
      }
      context.stdout.write("done\n");
    });
  declareOptions(newpair, OPTIONS);
  return newpair;
}

async function askOwner(values: OptionValues, context: Context, log: Logger) {
  const prompt = openPrompt(context);
  try {
    return {
      name: values.text("name") ?? (await prompt.ask("Enter your name (e.g., John Doe) : ")),
      email: values.text("email") ?? (await prompt.ask("Enter your email address (e.g., john.doe@example.com) : ")),
      comment: values.text("comment") ?? (await prompt.ask("Enter optional comment (e.g., development keys) : ")),
      passphrase: values.text("password") ?? (await askNewPassphrase(prompt, log)),
    };
  } finally {
    prompt.close();
  }
}

/** Asked twice, and again until both answers are the same; empty for none. */
export async function askNewPassphrase(prompt: Prompt, log: Logger): Promise<string> {
  for (;;) {
    const passphrase = await prompt.askSecret("Enter a passphrase : ");
    if ((await prompt.askSecret("Retype your passphrase : ")) === passphrase) return passphrase;
    log.warning("passphrases do not match");
  }
}
