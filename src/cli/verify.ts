import { Command } from "commander";
import {
  readCertificates,
  readKeyText,
  readPublicPem,
  SifError,
  systemRoots,
  trustedKey,
  type VerifyOptions,
  verifyImage,
  withFileAccess,
} from "../index.ts";
import { attempt, reasonOf } from "./attempt.ts";
import type { Context, LogOpener } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import { KEYSDIR_OPTION, type TrustedKey, trustedPgpKeys } from "./key-material.ts";
import { chosenObjects, OBJECT_OPTIONS } from "./object-choice.ts";
import { declareOptions, type OptionSpec, OptionValues } from "./options.ts";
import { goMessage } from "./sif-messages.ts";
import { verifyContent } from "./verify-content.ts";
import { jsonReport, textReport } from "./verify-report.ts";

const OPTIONS: readonly OptionSpec[] = [
  { flags: "-l, --local", description: "accepted; only local keys are ever asked", env: ["LOCAL_VERIFY"] },
  { flags: "--key <file>", description: "the signer's public key in PEM form", env: ["VERIFY_KEY"] },
  { flags: "--certificate <file>", description: "the signer's certificate", env: ["VERIFY_CERTIFICATE"] },
  {
    flags: "--certificate-intermediates <file>",
    description: "certificates between it and a root",
    env: ["VERIFY_INTERMEDIATES"],
  },
  {
    flags: "--certificate-roots <file>",
    description: "trusted root certificates (default: the system's)",
    env: ["VERIFY_ROOTS"],
  },
  {
    flags: "--ocsp-verify",
    description: "refused: Sifon does not ask whether a certificate is revoked",
    env: ["VERIFY_OCSP"],
    hidden: true,
  },
  ...OBJECT_OPTIONS,
  { flags: "-a, --all", description: "all objects; of signatures from before Singularity 3.6" },
  { flags: "-j, --json", description: "print JSON" },
  { flags: "--legacy-insecure", description: "signatures from before Singularity 3.6, which cover contents alone" },
  { flags: "-u, --url <url>", description: "refused: Sifon asks no key server", env: ["URL"], hidden: true },
  { flags: "--content", description: "read the image whole instead: every block decompresses, tables agree" },
  KEYSDIR_OPTION,
];

const FAILURE = "Failed to verify container";

/** `sifon verify SIF`: verifies the signatures of a SIF, or with `--content` that it is whole. */
export function verifyCommand(context: Context, openLog: LogOpener): Command {
  const command = new Command("verify")
    .description("Verify the digital signatures of a SIF")
    .usage("[options] <image path>")
    .argument("[words...]", "the image")
    .action(async (words: string[], _options: unknown, self: Command) => {
      const [path] = words;
      if (path === undefined || words.length > 1) {
        throw new UsageError("verify", `accepts 1 arg(s), received ${words.length}`);
      }
      const log = openLog();
      const values = new OptionValues(self, OPTIONS, context.environment, log);
      if (values.flag("content")) return verifyContent(path, context, { json: values.flag("json") });
      const choice = chosenObjects(values, "verify");
      log.info(`Verifying image with ${keySource(values)}`);
      const trust = await trustOf(values, context);
      const json = values.flag("json");
      const report = json ? jsonReport() : textReport((text) => context.stdout.write(text));
      try {
        await attempt(
          FAILURE,
          () =>
            withFileAccess(path, (access) =>
              verifyImage<TrustedKey>(access, {
                ...choice,
                ...trust,
                ...(values.flag("legacyInsecure") ? { legacy: values.flag("all") ? "all" : "primary" } : {}),
                signal: context.signal,
                onSignature: (result) => report.add(result),
              }),
            ),
          verifyReason,
        );
      } finally {
        // The list is printed whatever comes of it.
        context.stdout.write(report.text());
      }
      if (!json) log.info(`Verified signature(s) from image '${path}'`);
    });
  declareOptions(command, OPTIONS);
  return command;
}

function keySource(values: OptionValues): string {
  const [key, certificate] = [values.text("key"), values.text("certificate")];
  if (certificate !== undefined) return `key material from certificate '${certificate}'`;
  return key === undefined ? "PGP key material" : `key material from '${key}'`;
}

/** A damaged file in Apptainer's words, with ours behind them. */
function verifyReason(error: unknown): string {
  if (!(error instanceof SifError)) return reasonOf(error);
  if (error.code !== "OBJECT_OUTSIDE_FILE") return goMessage(error);
  const { path, offset, limit } = error.details as {
    readonly path: string;
    readonly offset: number | bigint;
    readonly limit: number;
  };
  const reason = offset < 0 ? `readat ${path}: negative offset` : offset >= limit ? "EOF" : "unexpected EOF";
  return `integrity: ${reason}: ${error.message}`;
}

/** What signatures are held against: a certificate's key, a key, or the keyrings. */
async function trustOf(
  values: OptionValues,
  context: Context,
): Promise<Pick<VerifyOptions<TrustedKey>, "pgpKeys" | "publicKey">> {
  const { signal } = context;
  const [key, certificate] = [values.text("key"), values.text("certificate")];
  if (certificate !== undefined) {
    if (values.flag("ocspVerify")) {
      throw new FatalError(
        `${FAILURE}: OCSP is not supported: Sifon does not ask whether a certificate is revoked. Leave out --ocsp-verify, or use Apptainer`,
      );
    }
    const load = (path: string, what: string) =>
      attempt(`Failed to load ${what}`, async () => readCertificates(await readKeyText(path, { signal })));
    const [own] = await load(certificate, "certificate");
    const [between, roots] = [values.text("certificateIntermediates"), values.text("certificateRoots")];
    const intermediates = between === undefined ? [] : await load(between, "intermediate certificates");
    const trusted = roots === undefined ? await systemRoots() : await load(roots, "root certificates");
    return attempt(FAILURE, async () => ({
      // readCertificates() gives one at least.
      publicKey: trustedKey(own as NonNullable<typeof own>, { intermediates, roots: trusted, now: new Date() }),
    }));
  }
  if (key !== undefined) {
    return attempt("Failed to load key material", async () => ({
      publicKey: readPublicPem(await readKeyText(key, { signal })),
    }));
  }
  if (values.text("url") !== undefined) {
    throw new FatalError(
      `${FAILURE}: Sifon asks no key server. Import the signer's key ("sifon key import FILE") and leave out --url`,
    );
  }
  return attempt(FAILURE, async () => ({ pgpKeys: await trustedPgpKeys(values, context) }));
}
