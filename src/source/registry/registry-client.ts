import type { Dispatcher } from "undici";
import { computeDigest, type Digest, digestAlgorithm, isDigest } from "../../oci/digest.ts";
import { MAX_MANIFEST_SIZE } from "../../oci/manifest.ts";
import { ACCEPTED_MANIFEST_TYPES, bareMediaType } from "../../oci/media-types.ts";
import type { OnProgress } from "../../progress.ts";
import { SourceError } from "../errors.ts";
import type { RetryPolicy, Timeouts } from "../options.ts";
import type { ServedManifest } from "../resolve-image.ts";
import type { AuthorizationContext, Authorizer } from "./authorization.ts";
import { type Answer, dropBody, headerOf, readBody } from "./body.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import { connectionFailure } from "./connection-failure.ts";
import type { Endpoint } from "./endpoint.ts";
import { type Exchange, followRedirects } from "./redirects.ts";
import { isHtml, type RefusalContext, readRefusal } from "./refusal.ts";
import { withRetries } from "./retry-budget.ts";

export interface RegistryClientOptions {
  readonly endpoint: Endpoint;
  readonly repository: string;
  readonly authorizer: Authorizer;
  readonly dispatcher: Dispatcher;
  readonly timeouts: Timeouts;
  readonly retry: RetryPolicy;
  readonly onProgress: OnProgress | undefined;
  /** Whether the registry has answered before; default false. */
  readonly reached?: boolean;
}

/** What is to be shown to the registry next: at first, or after it refused a request with `shown`. */
export interface AuthorizationQuestion {
  readonly what: string;
  readonly refused?: { readonly challenges: readonly Challenge[]; readonly shown: string | undefined };
}

/** A header, and all that must not show in a message; in the open, to be sent to another thread. */
export interface AuthorizationAnswer {
  readonly header: string | undefined;
  readonly secrets: readonly string[];
}

/** What is asked of the registry, before addresses and credentials. */
export interface RegistryRequest {
  readonly method: "GET" | "HEAD";
  /** Under the repository: `manifests/latest`; or a whole address, for foreign layers. */
  readonly target: string | URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly what: string;
  readonly missing: RefusalContext["missing"];
  readonly signal: AbortSignal;
  /** Of a blob: the byte that is next, and how many there are; for messages. */
  readonly offset?: number;
  readonly size?: number;
}

const USER_AGENT = "sifon";

/** Speaks the pull half of the distribution spec 1.1 with one repository. */
export class RegistryClient {
  readonly #options: RegistryClientOptions;
  #reached: boolean;

  constructor(options: RegistryClientOptions) {
    this.#options = options;
    this.#reached = options.reached ?? false;
  }

  get options(): RegistryClientOptions {
    return this.#options;
  }

  /** Whether the registry has answered anything yet. */
  get reached(): boolean {
    return this.#reached;
  }

  /**
   * Shows the credential to the registry (distribution spec 1.1, "Determining Support": `GET /v2/`). False where the
   * registry does not ask for any. Throws a `SourceError` where it refuses.
   */
  async logIn(signal: AbortSignal): Promise<boolean> {
    const { endpoint } = this.#options;
    const what = `logging in to ${endpoint.host}`;
    return this.#withRetries(what, signal, async () => {
      const request = { method: "GET", target: endpoint.base, headers: {}, what, missing: "NAME_UNKNOWN" } as const;
      const answer = await this.attempt({ ...request, signal });
      const page = await this.#guard({ what }, signal, () => readBody(answer, MAX_MANIFEST_SIZE));
      const { host, status } = answer;
      if (isHtml(answer, page.toString("latin1", 0, 100)))
        throw new SourceError("NOT_A_REGISTRY", { what, host, status });
      return this.#options.authorizer.used;
    });
  }

  /** `host/repository`, for messages. */
  get name(): string {
    return `${this.#options.endpoint.host}/${this.#options.repository}`;
  }

  /**
   * The manifest or index under a tag or a digest. Its bytes must have the digest that was asked for, and
   * the one that the registry declares.
   */
  async manifest(reference: string, signal: AbortSignal): Promise<ServedManifest> {
    const what = `reading manifest ${reference} in ${this.name}`;
    const served = await this.#withRetries(what, signal, async () => {
      const answer = await this.#askForManifest("GET", reference, what, signal);
      const bytes = await this.#guard({ what }, signal, () => readBody(answer, MAX_MANIFEST_SIZE));
      return { answer, bytes };
    });
    const { answer, bytes } = served;
    const { host, status } = answer;
    if (isHtml(answer, bytes.toString("latin1", 0, 100)))
      throw this.#withOrigin(new SourceError("NOT_A_REGISTRY", { what, host, status }));
    const declared = declaredDigest(answer);
    const asked = isDigest(reference) ? reference : undefined;
    for (const expected of [asked, declared]) {
      if (expected === undefined) continue;
      const seen = computeDigest(bytes, digestAlgorithm(expected));
      if (seen !== expected) throw new SourceError("MANIFEST_DIGEST_MISMATCH", { what, seen, expected });
    }
    const type = headerOf(answer, "content-type");
    return {
      bytes,
      digest: asked ?? declared ?? computeDigest(bytes),
      mediaType: type === undefined ? undefined : bareMediaType(type),
    };
  }

  /**
   * The digest under a tag by HEAD, which does not count against Docker Hub's limit of pulls; undefined
   * where the registry does not tell it.
   */
  async manifestDigest(reference: string, signal: AbortSignal): Promise<Digest | undefined> {
    const what = `reading manifest ${reference} in ${this.name}`;
    return this.#withRetries(what, signal, async () => {
      const answer = await this.#askForManifest("HEAD", reference, what, signal);
      await dropBody(answer);
      return declaredDigest(answer);
    });
  }

  /** Notes what a client of the same registry in another thread has found. */
  noteReached(): void {
    this.#reached = true;
  }

  /** Answers for a client of the same registry in another thread. Throws what a request of this one would. */
  authorize({ what, refused }: AuthorizationQuestion, signal: AbortSignal): Promise<AuthorizationAnswer> {
    return this.#guard({ what }, signal, async () => {
      const { authorizer } = this.#options;
      const context = this.#context(what, signal);
      const header =
        refused === undefined
          ? await authorizer.header(context)
          : await authorizer.answer(refused.challenges, refused.shown, context);
      return { header, secrets: authorizer.secrets.map((secret) => secret.reveal()) };
    });
  }

  /** One try: sends a request, answers challenges. Throws a `SourceError` for anything but a success. */
  async attempt(request: RegistryRequest): Promise<Answer> {
    const { what, missing, signal, target, offset, size } = request;
    const url = target instanceof URL ? target : this.#url(target);
    const ours = url.origin === this.#options.endpoint.base.origin;
    const place = offset === undefined || size === undefined ? {} : { offset, size };
    return this.#guard({ what, ...place }, signal, async () => {
      const { dispatcher, authorizer } = this.#options;
      const common = { dispatcher, signal, what };
      const context = this.#context(what, signal);
      const headers = { ...request.headers, "user-agent": USER_AGENT };
      const exchange = { ...common, method: request.method, url, headers };
      const shown = ours ? await authorizer.header(context) : undefined;
      let answer = await followRedirects({ ...exchange, authorization: shown });
      this.#reached = true;
      if (answer.status === 401 && ours && !answer.elsewhere) {
        const challenges = parseChallenges(answer.headers["www-authenticate"]);
        const refused = answer;
        const authorization = await authorizer.answer(challenges, shown, context).catch(async (error) => {
          await dropBody(refused);
          throw error;
        });
        if (authorization !== undefined) {
          await dropBody(answer);
          answer = await followRedirects({ ...exchange, authorization });
        }
      }
      if (answer.status >= 200 && answer.status <= 299) return answer;
      const { credential, secrets } = authorizer;
      throw await readRefusal(answer, { what, missing, credential, secrets });
    });
  }

  #context(what: string, signal: AbortSignal): AuthorizationContext {
    const { dispatcher } = this.#options;
    return { what, send: (token) => this.#askTokenService({ dispatcher, signal, what, ...token }) };
  }

  /** Errors on the way name the service, which often is on another host. */
  async #askTokenService(exchange: Exchange): Promise<Answer> {
    const headers = { ...exchange.headers, "user-agent": USER_AGENT };
    try {
      return await followRedirects({ ...exchange, headers });
    } catch (error) {
      if (error instanceof SourceError || exchange.signal.aborted) throw error;
      const what = `${exchange.what}: unable to retrieve auth token`;
      const { timeouts } = this.#options;
      throw connectionFailure(error, { what, host: exchange.url.host, timeouts, reached: this.#reached });
    }
  }

  #askForManifest(method: "GET" | "HEAD", reference: string, what: string, signal: AbortSignal): Promise<Answer> {
    const headers = { accept: ACCEPTED_MANIFEST_TYPES.join(", ") };
    const target = `manifests/${reference}`;
    return this.attempt({ method, target, headers, what, missing: "MANIFEST_UNKNOWN", signal });
  }

  #url(path: string): URL {
    return new URL(`${this.#options.repository}/${path}`, this.#options.endpoint.base);
  }

  #withRetries<T>(what: string, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
    const { retry: policy, onProgress } = this.#options;
    return withRetries({ policy, what, onProgress, signal }, attempt);
  }

  /** Lets an error tell which credentials were tried. */
  #withOrigin(error: SourceError): SourceError {
    const { code, details } = error;
    const { origin, kind } = this.#options.authorizer.credential;
    return details.origin === undefined
      ? new SourceError(code, { ...details, origin, anonymous: kind === "anonymous" })
      : error;
  }

  /** Turns what undici throws into a `SourceError`. */
  async #guard<T>(
    place: { readonly what: string; readonly offset?: number; readonly size?: number },
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof SourceError) throw this.#withOrigin(error);
      const { endpoint, timeouts } = this.#options;
      throw connectionFailure(error, { ...place, host: endpoint.host, timeouts, reached: this.#reached });
    }
  }
}

function declaredDigest(answer: Answer): Digest | undefined {
  const text = headerOf(answer, "docker-content-digest");
  return text !== undefined && isDigest(text) ? text : undefined;
}
