import { readWholeFile, type SourceOptions, systemReason } from "../index.ts";
import type { Context } from "./context.ts";
import { FatalError } from "./exit.ts";
import type { OptionValues } from "./options.ts";
import { openPrompt } from "./prompt.ts";

/** How registries are reached, as the options that all their commands share say it. */
export async function registryConnection(
  values: OptionValues,
  { signal }: Context,
): Promise<Pick<SourceOptions, "noHttps" | "ca" | "insecure">> {
  const ca = await readCertificates(values.text("cacert"), signal);
  const common = { noHttps: values.flag("noHttps"), insecure: values.flag("insecure") };
  return ca === undefined ? common : { ...common, ca };
}

async function readCertificates(path: string | undefined, signal: AbortSignal): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  const bytes = await readWholeFile(path, { signal }).catch((cause: NodeJS.ErrnoException) => {
    signal.throwIfAborted();
    throw new FatalError(`Cannot read the certificates in "${path}": ${systemReason(cause)}`);
  });
  if (!bytes.toString("latin1").includes("-----BEGIN CERTIFICATE-----")) {
    throw new FatalError(`Cannot use the certificates in "${path}": there is none in PEM format`);
  }
  return bytes;
}

/** User and password as given; asked for with `--docker-login`. The source looks up what is given nowhere. */
export async function registryCredentials(
  values: OptionValues,
  context: Context,
): Promise<NonNullable<SourceOptions["credentials"]>> {
  const authFile = values.text("authfile");
  const username = values.text("dockerUsername");
  if (!values.flag("dockerLogin")) return { username, password: values.text("dockerPassword"), authFile };
  const prompt = openPrompt(context);
  try {
    const name = username ?? (await prompt.ask("Enter Docker Username: "));
    return {
      username: name,
      password: await prompt.askSecret("Enter Docker Password: "),
      authFile,
      origin: "--docker-login",
    };
  } finally {
    prompt.close();
  }
}
