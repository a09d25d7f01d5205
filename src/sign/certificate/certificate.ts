import { type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import { usable } from "../dsse/pem-key.ts";
import { KeyError } from "../errors.ts";
import { readExtensions, readPathLength } from "./der-extensions.ts";

const Oid = {
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  certificatePolicies: "2.5.29.32",
  extendedKeyUsage: "2.5.29.37",
} as const;
/** Critical extensions that are checked here, or that bind nobody who signs code. Others end the check. */
const HANDLED: ReadonlySet<string> = new Set(Object.values(Oid));

const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
const ANY_USAGE = "2.5.29.37.0";
/** Longest chain that is followed, the signer's certificate not counted. */
const MAX_CHAIN = 8;
/** Where distributions keep the certificates that their users trust. */
const SYSTEM_ROOTS = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
];

/**
 * All certificates of a PEM file.
 * @throws KeyError PEM_INVALID, CERTIFICATE_INVALID
 */
export function readCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) throw new KeyError("PEM_INVALID", { what: "certificate" });
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new KeyError("CERTIFICATE_INVALID", { reason: (cause as Error).message, cause });
    }
  });
}

/** The certificates that this machine trusts: those of the distribution, else Node's. */
export async function systemRoots(): Promise<readonly X509Certificate[]> {
  for (const path of SYSTEM_ROOTS) {
    try {
      return readCertificates(await readFile(path, "utf8"));
    } catch {
      // Another distribution's place.
    }
  }
  return readCertificates(rootCertificates.join("\n"));
}

/** What a certificate is checked against. */
export interface CertificateTrust {
  readonly intermediates: readonly X509Certificate[];
  readonly roots: readonly X509Certificate[];
  readonly now: Date;
}

/**
 * The key of a certificate that leads to a trusted root and may sign code (RFC 5280 §6). Revocation is not checked.
 * @throws KeyError CERTIFICATE_EXPIRED, CERTIFICATE_USAGE, CERTIFICATE_EXTENSION, CERTIFICATE_UNTRUSTED,
 *   CERTIFICATE_INVALID, KEY_UNSUPPORTED
 */
export function trustedKey(certificate: X509Certificate, trust: CertificateTrust): KeyObject {
  checkOne(certificate, trust.now);
  const chain = findChain(certificate, trust, []);
  if (chain === undefined) throw new KeyError("CERTIFICATE_UNTRUSTED");
  for (const issuer of chain) checkUsage(issuer);
  return usable(certificate.publicKey);
}

function checkOne(certificate: X509Certificate, now: Date): void {
  const [from, to] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  const shown = (date: Date) => date.toISOString().replace(/\.\d+Z$/, "Z");
  if (now < from) {
    throw new KeyError("CERTIFICATE_EXPIRED", { now: shown(now), seen: "before", limit: shown(from) });
  }
  if (now > to) throw new KeyError("CERTIFICATE_EXPIRED", { now: shown(now), seen: "after", limit: shown(to) });
  checkUsage(certificate);
  for (const { oid, critical } of extensionsOf(certificate)) {
    if (critical && !HANDLED.has(oid)) throw new KeyError("CERTIFICATE_EXTENSION", { seen: oid });
  }
}

/** RFC 5280 §4.2.1.12: a certificate that states no extended usage may be used for all; what an issuer states binds those below. */
function checkUsage(certificate: X509Certificate): void {
  // Node calls the extended key usages "keyUsage".
  const usages = certificate.keyUsage as readonly string[] | undefined;
  if (usages === undefined || usages.length === 0) return;
  if (!usages.includes(CODE_SIGNING) && !usages.includes(ANY_USAGE)) throw new KeyError("CERTIFICATE_USAGE");
}

/** The issuers up to a root, nearest first; empty where the certificate is itself a root. */
function findChain(
  certificate: X509Certificate,
  trust: CertificateTrust,
  below: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
  const isSame = (other: X509Certificate) => other.raw.equals(certificate.raw);
  if (trust.roots.some(isSame)) return [];
  if (below.length >= MAX_CHAIN || below.some(isSame)) return undefined;
  const chain = [...below, certificate];
  for (const root of trust.roots) {
    if (mayIssue(root, certificate, below.length, trust.now)) return [root];
  }
  for (const issuer of trust.intermediates) {
    if (!mayIssue(issuer, certificate, below.length, trust.now)) continue;
    const above = findChain(issuer, trust, chain);
    if (above !== undefined) return [issuer, ...above];
  }
  return undefined;
}

/** @param issuersBelow intermediate certificates between this issuer and the signer's certificate */
function mayIssue(issuer: X509Certificate, subject: X509Certificate, issuersBelow: number, now: Date): boolean {
  // checkIssued() compares names, key identifiers and the usage "certificate signing".
  if (!issuer.ca || !subject.checkIssued(issuer) || !subject.verify(issuer.publicKey)) return false;
  if (now < new Date(issuer.validFrom) || now > new Date(issuer.validTo)) return false;
  const extensions = extensionsOf(issuer);
  if (extensions.some(({ oid, critical }) => critical && !HANDLED.has(oid))) return false;
  const constraints = extensions.find(({ oid }) => oid === Oid.basicConstraints);
  const limit = constraints === undefined ? undefined : readPathLength(constraints.value);
  return limit === undefined || issuersBelow <= limit;
}

function extensionsOf(certificate: X509Certificate): ReturnType<typeof readExtensions> {
  try {
    return readExtensions(certificate.raw);
  } catch (cause) {
    throw new KeyError("CERTIFICATE_INVALID", { reason: (cause as Error).message, cause });
  }
}
