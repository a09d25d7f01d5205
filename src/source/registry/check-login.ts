import type { Secret } from "../../auth/secret.ts";
import { DEFAULT_RETRY, DEFAULT_TIMEOUTS, type SourceOptions } from "../options.ts";
import { createDispatcher } from "./dispatcher.ts";
import { registryEndpoint } from "./endpoint.ts";
import { findHostCertificates } from "./host-certificates.ts";
import { RegistryClient } from "./registry-client.ts";

/** How a registry is reached to log in. */
export type LoginConnection = Pick<SourceOptions, "noHttps" | "ca" | "insecure" | "env" | "timeouts" | "retry">;

export interface LoginAttempt extends LoginConnection {
  /** `host[:port]`, the Hub as `index.docker.io`. */
  readonly registry: string;
  readonly username: string;
  readonly password: Secret;
  readonly signal: AbortSignal;
}

/**
 * Asks a registry, or its token service, whether it takes user and password. False where it asks for none, so
 * that nothing is known of them. Throws what a pull throws that is refused.
 */
export async function checkLogin(attempt: LoginAttempt): Promise<boolean> {
  const { registry, username, password, signal, env = process.env, timeouts, retry } = attempt;
  const { ca, insecure = false, noHttps = false } = attempt;
  const ofHost = await findHostCertificates(registry, env);
  const dispatcher = createDispatcher({
    env,
    insecure,
    ...ofHost,
    ca: [...ofHost.ca, ...(ca === undefined ? [] : [ca])],
    ...(timeouts === undefined ? {} : { timeouts }),
  });
  try {
    const client = new RegistryClient({
      endpoint: registryEndpoint(registry, noHttps),
      repository: "",
      credential: { kind: "basic", origin: "this login", username, password },
      dispatcher,
      timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts },
      retry: { ...DEFAULT_RETRY, ...retry },
      onProgress: undefined,
    });
    return await client.logIn(signal);
  } finally {
    await dispatcher.destroy();
  }
}
