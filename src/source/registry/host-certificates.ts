import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Environment, homeDirectory } from "../../bytes/environment.ts";
import { readWholeFile } from "../../bytes/read-whole.ts";
import { systemReason } from "../../bytes/system-reason.ts";
import { DEFAULT_REGISTRY } from "../../oci/reference.ts";
import { SourceError } from "../errors.ts";
import type { TlsTrust } from "./tls-trust.ts";

/** What a host's directory of certificates holds. */
export interface HostCertificates extends Pick<TlsTrust, "client"> {
  readonly ca: readonly Buffer[];
}

/** containers-certs.d(5), the user's own first, then Docker's. */
function certificateDirectories(env: Environment): readonly string[] {
  const home = homeDirectory(env);
  return [join(home, ".config/containers/certs.d"), "/etc/containers/certs.d", "/etc/docker/certs.d"];
}

/**
 * The certificates for `host[:port]`: `*.crt` are authorities, `NAME.cert` with `NAME.key` is our own. The first
 * of the directories that has a folder for the host is the one.
 *
 * Throws `SourceError` CERTIFICATES_INVALID.
 */
export async function findHostCertificates(
  host: string,
  env: Environment,
  {
    directories = certificateDirectories(env),
    signal,
  }: { readonly directories?: readonly string[]; readonly signal?: AbortSignal } = {},
): Promise<HostCertificates> {
  for (const directory of directories) {
    const folder = join(directory, host === DEFAULT_REGISTRY ? "docker.io" : host);
    const names = await namesIn(folder);
    if (names !== undefined) return readCertificates(folder, names, signal);
  }
  return { ca: [] };
}

async function namesIn(folder: string): Promise<readonly string[] | undefined> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // An administrator's directory that is closed to users is for daemons.
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return undefined;
    throw new SourceError("CERTIFICATES_INVALID", { path: folder, problem: code, cause: error });
  }
}

async function readCertificates(
  folder: string,
  names: readonly string[],
  signal: AbortSignal | undefined,
): Promise<HostCertificates> {
  const read = async (name: string, needed: RegExp) => {
    const path = join(folder, name);
    const bytes = await readWholeFile(path, { signal }).catch((cause: NodeJS.ErrnoException) => {
      signal?.throwIfAborted();
      throw new SourceError("CERTIFICATES_INVALID", {
        path,
        problem: `it cannot be read (${systemReason(cause)})`,
        cause,
      });
    });
    if (!needed.test(bytes.toString("latin1"))) {
      throw new SourceError("CERTIFICATES_INVALID", { path, problem: "it is not in PEM format" });
    }
    return bytes;
  };
  const ca: Buffer[] = [];
  for (const name of names.filter((one) => one.endsWith(".crt")))
    ca.push(await read(name, /BEGIN (?:\w+ )?CERTIFICATE/));
  const own = names.find((name) => name.endsWith(".cert"));
  if (own === undefined) return { ca };
  const keyName = own.replace(/cert$/, "key");
  if (!names.includes(keyName)) {
    const problem = `its key ${JSON.stringify(keyName)} is missing`;
    throw new SourceError("CERTIFICATES_INVALID", { path: join(folder, own), problem });
  }
  return { ca, client: { cert: await read(own, /BEGIN CERTIFICATE/), key: await read(keyName, /PRIVATE KEY/) } };
}
