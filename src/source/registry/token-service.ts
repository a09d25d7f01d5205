import { basicAuthorization, type Credential, secretsOf } from "../../auth/credential.ts";
import { Secret } from "../../auth/secret.ts";
import { SourceError } from "../errors.ts";
import { type Answer, readBody } from "./body.ts";
import type { Challenge } from "./challenge.ts";
import { readRefusal } from "./refusal.ts";

/** Sends one request to the token service, redirects followed. */
export type SendTokenRequest = (request: {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly body?: string;
}) => Promise<Answer>;

export interface BearerToken {
  readonly token: Secret;
  /** When it should be renewed without waiting for a refusal, in `Date.now()`'s time. */
  readonly renewAtMs: number;
}

export interface TokenRequest {
  readonly challenge: Challenge;
  /** `repository:library/alpine:pull`, where the challenge names no scope. */
  readonly scope: string;
  readonly credential: Credential;
  /** For messages. */
  readonly what: string;
  /** Whether the registry is spoken to in plain HTTP, so that its token service may be, too. */
  readonly plainHttp: boolean;
  readonly send: SendTokenRequest;
}

/** Named so that the service's logs tell who asks (distribution's token specification, `client_id`). */
const CLIENT_ID = "sifon";
/** distribution's token specification: "if omitted, this defaults to 60 seconds". */
const DEFAULT_LIFETIME_SEC = 60;
/** A token is renewed when this part of its lifetime has gone, before a request that is under way finds it expired. */
const RENEWAL_SHARE = 0.9;
const MAX_TOKEN_BODY_SIZE = 1024 * 1024;

/**
 * Gets a bearer token as a registry's challenge says: by GET with user and password or with nothing
 * (distribution, "Token Authentication Specification"), by POST for identity tokens ("OAuth2 Token
 * Authentication").
 *
 * Throws `SourceError` TOKEN_REFUSED, TOKEN_INVALID, and what `send` throws.
 */
export async function fetchBearerToken(request: TokenRequest): Promise<BearerToken> {
  const { challenge, credential, what, send } = request;
  const url = tokenServiceUrl(request);
  const service = challenge.params.get("service");
  const scope = challenge.params.get("scope") || request.scope;
  const headers = { accept: "application/json" };
  let answer: Answer;
  if (credential.kind === "identity-token") {
    const form = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: CLIENT_ID,
      scope,
      refresh_token: credential.token.reveal(),
      ...(service === undefined ? {} : { service }),
    });
    const type = { "content-type": "application/x-www-form-urlencoded" };
    answer = await send({
      method: "POST",
      url,
      headers: { ...headers, ...type },
      authorization: undefined,
      body: `${form}`,
    });
  } else {
    if (service !== undefined) url.searchParams.set("service", service);
    // A challenge may ask for several scopes at once, which the service takes as repeated parameters.
    for (const one of scope.split(" ").filter(Boolean)) url.searchParams.append("scope", one);
    const authorization =
      credential.kind === "basic" ? basicAuthorization(credential.username, credential.password) : undefined;
    answer = await send({ method: "GET", url, headers, authorization });
  }
  if (answer.status < 200 || answer.status > 299) throw await tokenRefusal(answer, request);
  return readToken(answer, what);
}

function tokenServiceUrl({ challenge, what, credential, plainHttp }: TokenRequest): URL {
  const realm = challenge.params.get("realm") ?? "";
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  const fail = (problem: string) => new SourceError("TOKEN_INVALID", { what, host: url?.host ?? "(unnamed)", problem });
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw fail("has no usable address in the registry's challenge");
  if (url.protocol === "http:" && !plainHttp && credential.kind !== "anonymous") {
    throw fail("speaks plain HTTP, over which credentials are not sent");
  }
  return url;
}

async function tokenRefusal(answer: Answer, { credential, what }: TokenRequest): Promise<SourceError> {
  const { status } = answer;
  const refusal = await readRefusal(answer, {
    what: `${what}: unable to retrieve auth token`,
    missing: "NAME_UNKNOWN",
    credential,
    secrets: secretsOf(credential),
    speaker: `the token service ${answer.host}`,
  });
  // 400 is OAuth2's answer to a refresh token that does not hold (RFC 6749 §5.2).
  const refused = status === 401 || status === 403 || (status === 400 && credential.kind === "identity-token");
  return refused ? new SourceError("TOKEN_REFUSED", { ...refusal.details, what }) : refusal;
}

async function readToken(answer: Answer, what: string): Promise<BearerToken> {
  const fail = (problem: string) => new SourceError("TOKEN_INVALID", { what, host: answer.host, problem });
  const bytes = await readBody(answer, MAX_TOKEN_BODY_SIZE).catch((cause: Error) => {
    const { host } = answer;
    throw new SourceError("CONNECTION_LOST", {
      what,
      host,
      problem: cause.message,
      reason: cause.message,
      cause,
      transient: true,
    });
  });
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString("utf8"));
  } catch {
    // The parser's message would quote the text, which may be a token.
    throw fail("did not answer with JSON");
  }
  const { token, access_token, expires_in } = (document ?? {}) as Record<string, unknown>;
  const value = typeof token === "string" && token !== "" ? token : access_token;
  // RFC 6750 §2.1: what a header may hold.
  if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value)) throw fail("answered without a token");
  const lifetimeSec = typeof expires_in === "number" && expires_in > 0 ? expires_in : DEFAULT_LIFETIME_SEC;
  return { token: new Secret(value), renewAtMs: Date.now() + lifetimeSec * 1000 * RENEWAL_SHARE };
}
