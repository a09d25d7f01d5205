import type { Dispatcher } from "undici";
import type { Credential } from "../../auth/credential.ts";
import type { Environment } from "../../bytes/environment.ts";
import { DEFAULT_RETRY, DEFAULT_TIMEOUTS, type RetryPolicy, type SourceOptions, type Timeouts } from "../options.ts";
import { Authorization, type Authorizer } from "./authorization.ts";
import { createDispatcher } from "./dispatcher.ts";
import { registryEndpoint } from "./endpoint.ts";
import { findHostCertificates } from "./host-certificates.ts";
import { RegistryClient, type RegistryClientOptions } from "./registry-client.ts";
import type { TlsTrust } from "./tls-trust.ts";

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

/** How a repository is reached, all that is said of it collected; can be cloned into another thread. */
export interface RegistryAccess extends Pick<RegistryTarget, "registry" | "repository" | "plainHttp"> {
  readonly trust: TlsTrust;
  readonly env: Environment;
  readonly timeouts: Timeouts;
  readonly retry: RetryPolicy;
}

/** A client, and its connections, which are the caller's to destroy. */
export interface RegistryConnection {
  readonly client: RegistryClient;
  readonly dispatcher: Dispatcher;
  readonly access: RegistryAccess;
}

/**
 * Sets up a client with the certificates that this machine keeps for the registry; nothing is sent yet.
 *
 * Throws `SourceError` CERTIFICATES_INVALID, PROXY_INVALID.
 */
export async function connectRegistry(
  { credential, maxAttempts, insecure, ...target }: RegistryTarget,
  options: Pick<SourceOptions, "ca" | "env" | "timeouts" | "retry" | "onProgress">,
  signal: AbortSignal,
): Promise<RegistryConnection> {
  const { ca, env = process.env, timeouts, onProgress } = options;
  const { registry, repository, plainHttp } = target;
  const retry: RetryPolicy = { ...DEFAULT_RETRY, ...options.retry };
  const ofHost = await findHostCertificates(registry, env, { signal });
  const access: RegistryAccess = {
    ...target,
    trust: { insecure, ...ofHost, ca: [...ofHost.ca, ...(ca === undefined ? [] : [ca])] },
    env,
    timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts },
    retry: maxAttempts === undefined ? retry : { ...retry, attempts: Math.min(retry.attempts, maxAttempts) },
  };
  return openRegistry(access, new Authorization({ credential, repository, plainHttp }), { onProgress });
}

/** Sets up a client; nothing is sent yet. Throws `SourceError` CERTIFICATES_INVALID, PROXY_INVALID. */
export async function openRegistry(
  access: RegistryAccess,
  authorizer: Authorizer,
  { onProgress, reached = false }: Pick<RegistryClientOptions, "onProgress" | "reached">,
): Promise<RegistryConnection> {
  const { registry, repository, plainHttp, trust, env, timeouts, retry } = access;
  const dispatcher = await createDispatcher({ env, timeouts, ...trust });
  const endpoint = registryEndpoint(registry, plainHttp);
  const client = new RegistryClient({
    ...{ endpoint, repository, authorizer, dispatcher, timeouts, retry, onProgress, reached },
  });
  return { client, dispatcher, access };
}
