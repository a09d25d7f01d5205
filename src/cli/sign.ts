import { Command } from "commander";
import {
  type ImageSigner,
  imageTimeSec,
  isEncryptedPem,
  pemSigner,
  pgpSigner,
  readKeyring,
  readKeyText,
  readPrivatePem,
  signImage,
} from "../index.ts";
import { attempt } from "./attempt.ts";
import type { Context, LogOpener } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import { askPassphrase, chooseKey, KEYSDIR_OPTION, keyringPaths, shortEntry } from "./key-material.ts";
import { chosenObjects, OBJECT_OPTIONS } from "./object-choice.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";
import { openPrompt, type Prompt } from "./prompt.ts";

const OPTIONS: readonly OptionSpec[] = [
  { flags: "--key <file>", description: "sign with a private key in PEM form", env: ["SIGN_KEY"] },
  { flags: "-k, --keyidx <number>", description: "which OpenPGP key (index of 'key list --secret')" },
  ...OBJECT_OPTIONS,
  KEYSDIR_OPTION,
];

const FAILURE = "Failed to sign container";

/** `sifon sign SIF`: adds a signature to each group of objects. */
export function signCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("sign")
    .description("Add digital signatures to a SIF")
    .usage("[options] <image path>")
    .argument("[words...]", "the image")
    .action(async (words: string[], _options: unknown, self: Command) => {
      const [path] = words;
      if (path === undefined || words.length > 1) {
        throw new UsageError("sign", `accepts 1 arg(s), received ${words.length}`);
      }
      const log = openLog();
      const values = new OptionValues(self, OPTIONS, context.environment, log);
      const choice = chosenObjects(values, "sign");
      const keyIndex = keyIndexOf(values);
      const timeSec = signingTimeSec(context);
      const pemPath = values.text("key");
      log.info(`Signing image with ${pemPath === undefined ? "PGP key material" : `key material from '${pemPath}'`}`);
      let opened: Prompt | undefined;
      const prompt = () => {
        opened ??= openPrompt(context);
        return opened;
      };
      try {
        const signer =
          pemPath === undefined
            ? await attempt(FAILURE, () => pgpSignerOf(keyringPaths(values, context).secret, keyIndex, context, prompt))
            : await attempt("Failed to load key material", () => pemSignerOf(pemPath, context, prompt));
        await attempt(FAILURE, () => signImage(path, { ...choice, signer, timeSec, signal: context.signal }));
      } finally {
        opened?.close();
      }
      log.info(`Signature created and applied to image '${path}'`);
    });
  declareOptions(command, OPTIONS);
  return command;
}

/** The clock's, or SOURCE_DATE_EPOCH's: with it, signing twice with a key of deterministic signatures gives the same bytes. */
function signingTimeSec({ environment }: Context): number {
  const epoch = environment.SOURCE_DATE_EPOCH;
  return epoch === undefined || epoch === "" ? Math.floor(Date.now() / 1000) : imageTimeSec(undefined, epoch);
}

/** Which OpenPGP key; undefined to ask, which Apptainer's default -1 says, too. */
function keyIndexOf(values: OptionValues): number | undefined {
  const text = values.text("keyidx");
  if (text === undefined) return undefined;
  if (!/^-?\d{1,9}$/.test(text)) {
    throw new UsageError("sign", `invalid value "${text}" of --keyidx: expected a number`);
  }
  return Number(text) < 0 ? undefined : Number(text);
}

async function pgpSignerOf(
  keyring: string,
  index: number | undefined,
  { signal }: Context,
  prompt: () => Prompt,
): Promise<ImageSigner> {
  const keys = await readKeyring(keyring, { signal });
  const key = index === undefined ? await chooseKey(keys, { kind: "private", entry: shortEntry }, prompt) : keys[index];
  if (key === undefined) throw new FatalError("index out of range");
  return pgpSigner(key, await askPassphrase(key, prompt));
}

async function pemSignerOf(path: string, { signal }: Context, prompt: () => Prompt): Promise<ImageSigner> {
  const pem = await readKeyText(path, { signal });
  // Deviates: Apptainer 1.4.5 takes no encrypted keys (test/cli/sign.test.ts).
  const passphrase = isEncryptedPem(pem) ? await prompt().askSecret("Enter key passphrase : ") : undefined;
  return pemSigner(readPrivatePem(pem, passphrase));
}
