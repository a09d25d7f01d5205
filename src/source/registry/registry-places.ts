import { findCredential } from "../../auth/find-credential.ts";
import { InternalError, SifonError } from "../../errors.ts";
import type { DockerReference } from "../../oci/reference.ts";
import { SourceError, type SourceErrorCode } from "../errors.ts";
import type { SourceOptions } from "../options.ts";
import { connectRegistry, type RegistryAccess, type RegistryConnection } from "./connect-registry.ts";
import { type PullPlace, pullPlaces } from "./pull-places.ts";
import { loadRegistryRules } from "./registries-files.ts";
import type { RegistryClient } from "./registry-client.ts";

/** What an insecure place that speaks plain HTTP looks like when TLS is tried. */
const NO_TLS: ReadonlySet<string> = new Set<SourceErrorCode>([
  "TLS_NOT_SPOKEN",
  "TLS_FAILED",
  "REGISTRY_UNREACHABLE",
  "CONNECTION_LOST",
]);

/** Tries at a mirror: behind it stands another place, so there is no use in waiting long. */
const MIRROR_ATTEMPTS = 2;

/**
 * The places of one reference: mirrors, then its registry. The first that gives the image is kept to, until it fails
 * for good in the middle of a layer.
 */
export class RegistryPlaces {
  readonly #reference: DockerReference;
  readonly #options: SourceOptions;
  readonly #opened: RegistryConnection[] = [];
  #client: RegistryClient | undefined;
  /** Behind the place that is kept to. */
  #left: readonly PullPlace[] = [];
  #moving: Promise<RegistryClient | undefined> | undefined;

  constructor(reference: DockerReference, options: SourceOptions) {
    this.#reference = reference;
    this.#options = options;
  }

  /** Does the work at the first place where it succeeds. Throws what the last one threw. */
  async ask<T>(work: (client: RegistryClient) => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#client !== undefined) return work(this.#client);
    const { env = process.env, noHttps = false, insecure = false } = this.#options;
    const rules = await loadRegistryRules(env, { signal });
    const places = pullPlaces(this.#reference, rules, { noHttps, insecure });
    let failure: unknown;
    for (const [i, place] of places.entries()) {
      if (place.onlyWithoutTls && !(failure instanceof SifonError && NO_TLS.has(failure.code))) continue;
      try {
        const client = await this.#open(place, i < places.length - 1, signal);
        const result = await work(client);
        this.#client = client;
        this.#left = places.slice(i + 1);
        return result;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof SifonError)) throw error;
        failure = error;
        this.#tell(error, places.slice(i + 1));
      }
    }
    throw failure;
  }

  /** The client that is kept to, once there is one. */
  get current(): RegistryClient | undefined {
    return this.#client;
  }

  /** A place that was opened, by its number. */
  opened(number: number): RegistryClient | undefined {
    return this.#opened[number]?.client;
  }

  /** The number of a client's place, and how it is reached. */
  placeOf(client: RegistryClient): { readonly number: number; readonly access: RegistryAccess } {
    const number = this.#opened.findIndex((one) => one.client === client);
    const found = this.#opened[number];
    if (found === undefined) throw new InternalError("a registry's client is not among those of its places");
    return { number, access: found.access };
  }

  /** Who goes on with what has failed there, for good; undefined where no place is left, or none could do better. */
  async instead(failed: RegistryClient, error: unknown, signal: AbortSignal): Promise<RegistryClient | undefined> {
    if (!(error instanceof SourceError)) return undefined;
    // Another layer was here before.
    if (this.#client !== failed) return this.#client;
    this.#moving ??= this.#move(failed, error, signal).finally(() => {
      this.#moving = undefined;
    });
    return this.#moving;
  }

  async #move(failed: RegistryClient, error: SourceError, signal: AbortSignal): Promise<RegistryClient | undefined> {
    // Of a host that has answered by TLS the other half, without TLS, would be a step down.
    const noTls = !failed.reached && NO_TLS.has(error.code);
    const [first, ...others] = this.#left;
    const places = first?.onlyWithoutTls === true && !noTls ? others : this.#left;
    this.#tell(error, places);
    for (const [i, place] of places.entries()) {
      if (i > 0 && place.onlyWithoutTls) continue;
      try {
        this.#client = await this.#open(place, i < places.length - 1, signal);
        this.#left = places.slice(i + 1);
        return this.#client;
      } catch (problem) {
        signal.throwIfAborted();
        if (!(problem instanceof SifonError)) throw problem;
        this.#tell(problem, places.slice(i + 1));
      }
    }
    return undefined;
  }

  async destroy(): Promise<void> {
    await Promise.all(this.#opened.map(({ dispatcher }) => dispatcher.destroy()));
  }

  #tell(error: SifonError, left: readonly PullPlace[]): void {
    const next = left.find(({ onlyWithoutTls }) => !onlyWithoutTls || NO_TLS.has(error.code));
    // That an insecure place speaks plain HTTP is no news.
    if (next === undefined || next.onlyWithoutTls) return;
    const message = `${error.message} Trying ${next.registry}/${next.repository} now`;
    this.#options.onProgress?.({ kind: "warning", message });
  }

  async #open(place: PullPlace, hasNext: boolean, signal: AbortSignal): Promise<RegistryClient> {
    const { credentials = {}, env = process.env, onProgress } = this.#options;
    const { registry, repository, plainHttp, insecure, foreign } = place;
    const credential = await findCredential({
      ...credentials,
      storedOnly: foreign,
      env,
      registry,
      repository,
      onWarning: (message) => onProgress?.({ kind: "warning", message }),
      signal,
    });
    const target = { registry, repository, plainHttp, insecure, credential };
    const connection = await connectRegistry(
      hasNext ? { ...target, maxAttempts: MIRROR_ATTEMPTS } : target,
      this.#options,
      signal,
    );
    this.#opened.push(connection);
    return connection.client;
  }
}
