import type { CredentialOptions } from "../auth/find-credential.ts";
import type { Environment } from "../bytes/environment.ts";
import type { BlobCache } from "../cache/blob-cache.ts";
import type { PlatformRequest } from "../oci/platform.ts";
import type { OnProgress } from "../progress.ts";

/** How a source is opened; what does not concern its transport is left unread. */
export interface SourceOptions {
  /** Which image of an index; Linux on the host's CPU by default. */
  readonly platform?: PlatformRequest;
  /** User and password or a file of them; the environment and the usual files are asked by default. */
  readonly credentials?: CredentialOptions;
  /** Plain HTTP to the registry (`--no-https`). */
  readonly noHttps?: boolean;
  /** Variables for credentials and proxies; `process.env` by default. */
  readonly env?: Environment;
  /** PEM certificates of further authorities for registries, beside those that the machine trusts. */
  readonly ca?: string | Buffer;
  /** Takes any certificate of the registry, which gives credentials to whoever stands in between. */
  readonly insecure?: boolean;
  /** The Docker daemon (`--docker-host`); DOCKER_HOST, else its usual socket, by default. */
  readonly dockerHost?: string | undefined;
  /** What `-` in place of an archive reads; the process's standard input by default. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** Where a stream that comes but once is kept; the system's folder for temporary files by default. */
  readonly spoolDirectory?: string | undefined;
  /** Where a registry's blobs may lie already, and are kept if it says so; none by default. */
  readonly cache?: BlobCache | undefined;
  readonly timeouts?: Partial<Timeouts>;
  readonly retry?: Partial<RetryPolicy>;
  /** Told of retries, spools and warnings, and of the config's transfer. */
  readonly onProgress?: OnProgress;
}

/** How long each step of a transfer may be silent. */
export interface Timeouts {
  /** Until a connection stands, TLS included. */
  readonly connectMs: number;
  /** From a request to the answer's headers; registries may fetch the blob from elsewhere first. */
  readonly headersMs: number;
  /** Between two pieces of a body, while we want more. */
  readonly stallMs: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = { connectMs: 20_000, headersMs: 60_000, stallMs: 60_000 };

/** How often, and how far apart, a transfer that broke is tried again. */
export interface RetryPolicy {
  /** Tries in a row without progress, the first included. */
  readonly attempts: number;
  /** Wait before the second try; doubled before each further one. */
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** The longest Retry-After that is waited for; a longer one ends in an error that tells it. */
  readonly maxRetryAfterMs: number;
}

/** Six tries wait 15 s in all: longer than a load balancer's switch-over, shorter than a user's patience. */
export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 6,
  baseDelayMs: 500,
  maxDelayMs: 30_000,
  maxRetryAfterMs: 120_000,
};
