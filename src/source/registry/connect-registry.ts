import type { Dispatcher } from "undici";
import type { Credential } from "../../auth/credential.ts";
import { DEFAULT_RETRY, DEFAULT_TIMEOUTS, type RetryPolicy, type SourceOptions } from "../options.ts";
import { createDispatcher } from "./dispatcher.ts";
import { registryEndpoint } from "./endpoint.ts";
import { findHostCertificates } from "./host-certificates.ts";
import { RegistryClient } from "./registry-client.ts";

/** Which repository of which registry is spoken to, and how. */
export interface RegistryTarget {
  readonly registry: string;
  /** Empty to log in. */
  readonly repository: string;
  readonly plainHttp: boolean;
  /** Takes any certificate. */
  readonly insecure: boolean;
  readonly credential: Credential;
  /** Bounds the tries of the options. */
  readonly maxAttempts?: number;
}

/** A client, and its connections, which are the caller's to destroy. */
export interface RegistryConnection {
  readonly client: RegistryClient;
  readonly dispatcher: Dispatcher;
}

/**
 * Sets up a client with the certificates that this machine keeps for the registry; nothing is sent yet.
 *
 * Throws `SourceError` CERTIFICATES_INVALID, PROXY_INVALID.
 */
export async function connectRegistry(
  { registry, repository, plainHttp, insecure, credential, maxAttempts }: RegistryTarget,
  options: Pick<SourceOptions, "ca" | "env" | "timeouts" | "retry" | "onProgress">,
  signal: AbortSignal,
): Promise<RegistryConnection> {
  const { ca, env = process.env, timeouts, onProgress } = options;
  const retry: RetryPolicy = { ...DEFAULT_RETRY, ...options.retry };
  const ofHost = await findHostCertificates(registry, env, { signal });
  const dispatcher = await createDispatcher({
    env,
    insecure,
    ...ofHost,
    ca: [...ofHost.ca, ...(ca === undefined ? [] : [ca])],
    ...(timeouts === undefined ? {} : { timeouts }),
  });
  const client = new RegistryClient({
    endpoint: registryEndpoint(registry, plainHttp),
    repository,
    credential,
    dispatcher,
    timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts },
    retry: maxAttempts === undefined ? retry : { ...retry, attempts: Math.min(retry.attempts, maxAttempts) },
    onProgress,
  });
  return { client, dispatcher };
}
