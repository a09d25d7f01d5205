import { SourceError } from "../errors.ts";
import type { Timeouts } from "../options.ts";

/** Where and why a request failed before or while an answer came. */
export interface ConnectionContext {
  readonly what: string;
  readonly host: string;
  readonly timeouts: Timeouts;
  /** Whether the registry has answered before: then it is a registry, and worth waiting for. */
  readonly reached: boolean;
  /** How far a blob had come. */
  readonly offset?: number;
  readonly size?: number;
}

/** Codes of OpenSSL and Node for certificates that do not verify. */
const CERTIFICATE_CODES: ReadonlySet<string> = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REVOKED",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** A server that answers a TLS greeting in clear text, as OpenSSL 1.1 to 3.x report it. */
const CLEAR_TEXT_CODES: ReadonlySet<string> = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "ERR_SSL_HTTP_REQUEST",
]);

/** What llhttp, which gives no code here, says of first bytes that are not HTTP at all; else it is the head that is wrong. */
const OTHER_PROTOCOL = "Expected HTTP/";

/** Tries for an address that never answered: a wrong name or port is likelier than a bad moment. */
const FIRST_CONTACT_ATTEMPTS = 3;

/** Errors inside errors that are looked at: undici, AggregateError, socket are three. */
const MAX_CAUSE_DEPTH = 5;

/** Says what an error of undici, a socket or TLS means, and whether another try may help. */
export function connectionFailure(error: unknown, context: ConnectionContext): SourceError {
  const { host, timeouts } = context;
  const code = errorCode(error);
  const problem = `${innermostMessage(error)}${code === "" ? "" : ` (${code})`}`;
  const details = { ...context, timeouts: undefined, reached: undefined, problem, reason: problem, cause: error };
  if (CLEAR_TEXT_CODES.has(code)) return new SourceError("TLS_NOT_SPOKEN", details);
  if (CERTIFICATE_CODES.has(code)) return new SourceError("TLS_CERTIFICATE", details);
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) return new SourceError("TLS_FAILED", details);
  if (isParserError(error) && problem.includes(OTHER_PROTOCOL) && !context.reached)
    return new SourceError("HTTP_NOT_SPOKEN", details);
  if (isParserError(error)) return new SourceError("HTTP_INVALID", { ...details, transient: context.reached });
  const timeout = (timeoutMs: number, silence: string) =>
    new SourceError("REGISTRY_TIMEOUT", {
      ...details,
      transient: true,
      timeoutMs,
      problem: silence,
      reason: `${host} ${silence}`,
    });
  switch (code) {
    case "UND_ERR_CONNECT_TIMEOUT":
      return timeout(timeouts.connectMs, "did not accept a connection");
    case "UND_ERR_HEADERS_TIMEOUT":
      return timeout(timeouts.headersMs, "did not answer");
    case "UND_ERR_BODY_TIMEOUT":
      return timeout(
        timeouts.stallMs,
        `sent nothing more${context.offset === undefined ? "" : ` after byte ${context.offset} of ${context.size}`}`,
      );
    case "ENOTFOUND":
      return new SourceError("REGISTRY_UNREACHABLE", details);
    case "ECONNREFUSED":
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "EAI_AGAIN":
      return new SourceError("REGISTRY_UNREACHABLE", {
        ...details,
        transient: true,
        ...(context.reached ? {} : { maxAttempts: FIRST_CONTACT_ATTEMPTS }),
      });
    default:
      return new SourceError("CONNECTION_LOST", { ...details, transient: true });
  }
}

function isParserError(error: unknown): boolean {
  return error instanceof Error && (error.name === "HTTPParserError" || isParserError(error.cause));
}

/** The code, which several layers of wrapping may hide: `AggregateError` of both address families, a `cause`. */
function errorCode(error: unknown): string {
  for (let inner = error, depth = 0; inner instanceof Error && depth < MAX_CAUSE_DEPTH; depth++) {
    const { code, errors, cause } = inner as Error & { code?: unknown; errors?: unknown[]; cause?: unknown };
    if (typeof code === "string" && code !== "UND_ERR_SOCKET") return code;
    inner = errors?.[0] ?? cause;
    if (inner === undefined && typeof code === "string") return code;
  }
  return "";
}

function innermostMessage(error: unknown): string {
  let message = "";
  for (let inner = error, depth = 0; inner instanceof Error && depth < MAX_CAUSE_DEPTH; depth++) {
    if (inner.message !== "") message = inner.message;
    inner = (inner as { errors?: unknown[] }).errors?.[0] ?? inner.cause;
  }
  return message === "" ? "no reason given" : message;
}
