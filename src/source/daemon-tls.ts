import { join } from "node:path";
import { type Environment, homeDirectory } from "../bytes/environment.ts";
import { readWholeFile } from "../bytes/read-whole.ts";
import { SourceError } from "./errors.ts";

/** Options of a TLS connection to the daemon. */
export interface DaemonTls {
  readonly rejectUnauthorized: boolean;
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * TLS to a Docker daemon as Docker's own client sets it up: DOCKER_TLS_VERIFY or DOCKER_CERT_PATH switch it on,
 * the latter alone without checking the daemon's certificate; `ca.pem`, `cert.pem` and `key.pem` lie in
 * DOCKER_CERT_PATH or `~/.docker`. Undefined where neither is set.
 *
 * Throws `SourceError` DAEMON_CERTIFICATES_INVALID.
 */
export async function daemonTls(env: Environment, signal?: AbortSignal): Promise<DaemonTls | undefined> {
  const verify = Boolean(env.DOCKER_TLS_VERIFY);
  const named = env.DOCKER_CERT_PATH || undefined;
  if (!verify && named === undefined) return undefined;
  const path = named ?? join(homeDirectory(env), ".docker");
  const [ca, cert, key] = await Promise.all(["ca.pem", "cert.pem", "key.pem"].map((name) => read(path, name, signal)));
  if ((cert === undefined) !== (key === undefined)) {
    const problem = `${cert === undefined ? "cert.pem" : "key.pem"} is missing beside its counterpart`;
    throw new SourceError("DAEMON_CERTIFICATES_INVALID", { path, problem });
  }
  return {
    rejectUnauthorized: verify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  };
}

async function read(path: string, name: string, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
  try {
    return await readWholeFile(join(path, name), { signal });
  } catch (cause) {
    signal?.throwIfAborted();
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw new SourceError("DAEMON_CERTIFICATES_INVALID", { path, problem: `${name} cannot be read (${code})`, cause });
  }
}
