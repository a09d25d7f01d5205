import { readFileSync } from "node:fs";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import type { Environment } from "../../bytes/environment.ts";
import { SourceError } from "../errors.ts";

/** Whom to trust, and who we are, in TLS. */
export interface TlsTrust {
  /** PEM certificates of authorities, beside those that are trusted anyway. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Takes any certificate. */
  readonly insecure?: boolean;
  /** Our own certificate and its key, for registries that ask for one (PEM). */
  readonly client?: { readonly cert: Buffer; readonly key: Buffer };
}

/** Options of a TLS connection. */
export interface TlsOptions {
  readonly rejectUnauthorized: boolean;
  readonly secureContext?: SecureContext;
}

/**
 * The trust as options of a TLS connection; the context is made once, not for each connection.
 *
 * Throws `SourceError` CERTIFICATES_INVALID.
 */
export function tlsOptions(trust: TlsTrust, env: Environment): TlsOptions {
  const { ca = [], insecure = false, client } = trust;
  const added = typeof ca === "string" || Buffer.isBuffer(ca) ? [ca] : ca;
  if (added.length === 0 && client === undefined) return { rejectUnauthorized: !insecure };
  // Authorities that are given replace Node's own; they are to be added.
  const authorities = added.length === 0 ? {} : { ca: [...rootCertificates, ...extraCertificates(env), ...added] };
  try {
    return { rejectUnauthorized: !insecure, secureContext: createSecureContext({ ...authorities, ...client }) };
  } catch (cause) {
    // OpenSSL's words ("bad base64 decode") tell no file; what reads the files has told those that are not PEM.
    throw new SourceError("CERTIFICATES_INVALID", { path: "the files that are given", problem: String(cause), cause });
  }
}

/** What Node adds by itself as long as no authorities are given. A bad file is Node's to warn of. */
function extraCertificates(env: Environment): readonly Buffer[] {
  const path = env.NODE_EXTRA_CA_CERTS;
  if (!path) return [];
  try {
    return [readFileSync(path)];
  } catch {
    return [];
  }
}
