import { basicAuthorization, type Credential, secretsOf } from "../../auth/credential.ts";
import type { Secret } from "../../auth/secret.ts";
import type { Challenge } from "./challenge.ts";
import { type BearerToken, fetchBearerToken, type SendTokenRequest } from "./token-service.ts";

export interface AuthorizationOptions {
  readonly credential: Credential;
  readonly repository: string;
  /** Whether the registry is spoken to in plain HTTP. */
  readonly plainHttp: boolean;
}

export interface AuthorizationContext {
  readonly what: string;
  readonly send: SendTokenRequest;
}

/** Who knows the `Authorization` header for one repository. */
export interface Authorizer {
  /** What is shown, and where it comes from, for messages. */
  readonly credential: Pick<Credential, "kind" | "origin">;
  /** Whether the registry has asked for credentials, and been shown them. */
  readonly used: boolean;
  /** All that must not show in a message. */
  readonly secrets: readonly Secret[];
  /** The header's value as things stand. */
  header(context: AuthorizationContext): Promise<string | undefined>;
  /**
   * Answers a 401 to a request that was sent with `refused`. Gives the header for the second try, or
   * undefined when there is nothing else to show.
   */
  answer(
    challenges: readonly Challenge[],
    refused: string | undefined,
    context: AuthorizationContext,
  ): Promise<string | undefined>;
}

/**
 * The `Authorization` header for one repository: none until the registry asks, then what its challenge
 * calls for, renewed when it runs out or is refused in mid-download.
 */
export class Authorization implements Authorizer {
  readonly #options: AuthorizationOptions;
  #basic = false;
  #bearer: Challenge | undefined;
  #token: BearerToken | undefined;

  constructor(options: AuthorizationOptions) {
    this.#options = options;
  }

  get credential(): Credential {
    return this.#options.credential;
  }

  get used(): boolean {
    return this.#basic || this.#token !== undefined;
  }

  get secrets(): readonly Secret[] {
    return [...secretsOf(this.#options.credential), ...(this.#token === undefined ? [] : [this.#token.token])];
  }

  /** A token that is about to run out is renewed first. */
  async header(context: AuthorizationContext): Promise<string | undefined> {
    const { credential } = this.#options;
    if (credential.kind === "registry-token") return bearer(credential.token);
    if (this.#basic && credential.kind === "basic") return basicAuthorization(credential.username, credential.password);
    if (this.#bearer === undefined) return undefined;
    if (this.#token === undefined || Date.now() >= this.#token.renewAtMs) await this.#renew(this.#bearer, context);
    return this.#token === undefined ? undefined : bearer(this.#token.token);
  }

  async answer(
    challenges: readonly Challenge[],
    refused: string | undefined,
    context: AuthorizationContext,
  ): Promise<string | undefined> {
    const { credential } = this.#options;
    const challenge = challenges.find(({ scheme }) => scheme === "bearer");
    if (challenge !== undefined && credential.kind !== "registry-token") {
      this.#bearer = challenge;
      this.#basic = false;
      // Another request may have renewed the token while this one was under way with the old.
      const current = this.#token === undefined ? undefined : bearer(this.#token.token);
      if (current === undefined || current === refused) await this.#renew(challenge, context);
    } else if (challenges.some(({ scheme }) => scheme === "basic") && credential.kind === "basic") {
      this.#basic = true;
    }
    const header = await this.header(context);
    return header === refused ? undefined : header;
  }

  async #renew(challenge: Challenge, { what, send }: AuthorizationContext): Promise<void> {
    const { credential, repository, plainHttp } = this.#options;
    // To log in, a token that gives access to nothing will do.
    const scope = repository === "" ? "" : `repository:${repository}:pull`;
    this.#token = await fetchBearerToken({ challenge, scope, credential, what, plainHttp, send });
  }
}

function bearer(token: Secret): string {
  return `Bearer ${token.reveal()}`;
}
