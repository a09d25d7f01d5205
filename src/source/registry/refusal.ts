import type { Credential } from "../../auth/credential.ts";
import type { Secret } from "../../auth/secret.ts";
import { bareMediaType } from "../../oci/media-types.ts";
import { SourceError } from "../errors.ts";
import { type Answer, headerOf, readBody } from "./body.ts";
import { retryAfterMs } from "./retry-after.ts";

export interface RefusalContext {
  /** `reading manifest latest in host/repo` */
  readonly what: string;
  /** Who answers, where it is not the registry: `the token service auth.example.org`. */
  readonly speaker?: string;
  /** What a 404 means here when the registry does not say. */
  readonly missing: "MANIFEST_UNKNOWN" | "BLOB_UNKNOWN" | "NAME_UNKNOWN";
  readonly credential: Pick<Credential, "kind" | "origin">;
  /** What is taken out of the registry's words, should it echo them. */
  readonly secrets: readonly Secret[];
}

/** Error documents are small (distribution spec 1.1 §"Error Codes"); of pages the beginning is enough. */
const MAX_ERROR_BODY_SIZE = 64 * 1024;
const MAX_QUOTED_LENGTH = 200;

/** Turns an answer that is not a success into the error that it means; reads its body. */
export async function readRefusal(answer: Answer, context: RefusalContext): Promise<SourceError> {
  const { status, host } = answer;
  const { what, missing, credential, secrets, speaker } = context;
  const text = (await readBody(answer, MAX_ERROR_BODY_SIZE).catch(() => Buffer.alloc(0))).toString("utf8");
  const { code, message } = parseErrorDocument(text);
  const details = {
    what,
    host,
    status,
    answer: redact(message ?? code ?? oauthError(text), secrets),
    ...(speaker === undefined ? {} : { speaker }),
    anonymous: credential.kind === "anonymous",
    origin: credential.origin,
    reason: `${host} answered with status ${status}`,
  };
  // A signed address that a blob store refuses has run out; the registry signs a new one at the next try.
  if (answer.elsewhere && (status === 401 || status === 403)) {
    return new SourceError("REGISTRY_FAILED", { ...details, transient: true });
  }
  switch (status) {
    case 401:
      return new SourceError("UNAUTHORIZED", details);
    case 403:
      return new SourceError("DENIED", details);
    case 404:
      if (isHtml(answer, text)) return new SourceError("NOT_A_REGISTRY", details);
      return new SourceError(code === "NAME_UNKNOWN" ? "NAME_UNKNOWN" : missing, details);
    case 429:
      return new SourceError("RATE_LIMITED", {
        ...details,
        transient: true,
        retryAfterMs: retryAfterMs(answer),
        rateLimit: rateLimit(answer),
      });
    default: {
      if (/HTTP request (?:to an|was sent to) HTTPS (?:server|port)/.test(text))
        return new SourceError("TLS_REQUIRED", details);
      const transient = status === 408 || status >= 500;
      if (!transient && isHtml(answer, text)) return new SourceError("NOT_A_REGISTRY", details);
      return new SourceError("REGISTRY_FAILED", { ...details, transient, retryAfterMs: retryAfterMs(answer) });
    }
  }
}

export function isHtml(answer: Pick<Answer, "headers">, text: string): boolean {
  return (
    bareMediaType(headerOf(answer, "content-type") ?? "") === "text/html" || /^\s*<(?:!doctype html|html)/i.test(text)
  );
}

/** `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}` */
function parseErrorDocument(text: string): { code?: string; message?: string } {
  try {
    const document = JSON.parse(text) as { errors?: { code?: unknown; message?: unknown }[] } | null;
    const first = document?.errors?.[0];
    return {
      ...(typeof first?.code === "string" ? { code: first.code } : {}),
      ...(typeof first?.message === "string" ? { message: first.message } : {}),
    };
  } catch {
    return {};
  }
}

/** A token service may answer as OAuth2 has it: `{"error":"invalid_grant","error_description":"…"}` (RFC 6749 §5.2), or with `details`. */
function oauthError(text: string): string | undefined {
  try {
    const { error_description, details, error } = (JSON.parse(text) ?? {}) as Record<string, unknown>;
    return [error_description, details, error].find((one): one is string => typeof one === "string");
  } catch {
    return undefined;
  }
}

/** The registry's own words on one line; a server that echoes what it was sent gives nothing away. */
function redact(text: string | undefined, secrets: readonly Secret[]): string | undefined {
  if (text === undefined) return undefined;
  let clean = text.replace(/\s+/g, " ").trim();
  for (const secret of secrets.map((one) => one.reveal())) {
    if (secret !== "") clean = clean.replaceAll(secret, "[secret]");
  }
  clean = clean.replace(/\b(Bearer|Basic)\s+[\w.+/=~-]{8,}/gi, "$1 [secret]");
  return clean.length > MAX_QUOTED_LENGTH ? `${clean.slice(0, MAX_QUOTED_LENGTH)}…` : clean;
}

/** Docker Hub's `ratelimit-limit: 100;w=21600`. */
function rateLimit(answer: Answer): string | undefined {
  const header = headerOf(answer, "ratelimit-limit");
  const match = header === undefined ? null : /^(\d+)(?:;w=(\d+))?/.exec(header);
  if (match === null) return undefined;
  return match[2] === undefined ? `${match[1]} requests` : `${match[1]} requests in ${Number(match[2]) / 3600} h`;
}
