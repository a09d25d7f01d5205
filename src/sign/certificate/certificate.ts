import { type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { rootCertificates } from "node:tls";
import { printable, quote } from "../../bytes/printable.ts";
import { usable } from "../dsse/pem-key.ts";
import { KeyError } from "../errors.ts";
import { maySignCertificates, readExtensions, readPathLength } from "./der-extensions.ts";
import {
  checkName,
  type GeneralName,
  isWithin,
  type NameConstraints,
  readAlternativeNames,
  readNameConstraints,
  showName,
} from "./general-names.ts";

const Oid = {
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  certificatePolicies: "2.5.29.32",
  extendedKeyUsage: "2.5.29.37",
} as const;
/** Critical extensions that are checked here, or that bind nobody who signs code. Others end the check. */
const HANDLED: ReadonlySet<string> = new Set(Object.values(Oid));

const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
const ANY_USAGE = "2.5.29.37.0";
/** Longest chain that is followed, the signer's certificate not counted. */
const MAX_CHAIN = 8;
/** Signatures checked for one certificate, as in Go: issuers of one name and key could have endless chains. */
const MAX_CHECKS = 100;
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
 * The key of a certificate that leads to a trusted root and may sign code (RFC 5280 §6, in the order and with the words
 * of Go's crypto/x509, which other verifiers of SIFs use). Revocation is not checked.
 * @throws KeyError CERTIFICATE_EXPIRED, CERTIFICATE_USAGE, CERTIFICATE_EXTENSION, CERTIFICATE_UNTRUSTED,
 *   CERTIFICATE_NOT_ISSUER, CERTIFICATE_PATH_LENGTH, CERTIFICATE_NAME, CERTIFICATE_CHAINS, CERTIFICATE_INVALID,
 *   KEY_UNSUPPORTED
 */
export function trustedKey(certificate: X509Certificate, trust: CertificateTrust): KeyObject {
  checkOne(certificate, trust.now);
  const chains = findChains([certificate], trust, { left: MAX_CHECKS });
  // RFC 5280 §4.2.1.12: what an issuer states binds those below.
  if (!chains.some((chain) => chain.every(maySignCode))) throw new KeyError("CERTIFICATE_USAGE");
  return usable(certificate.publicKey);
}

/** Extensions and time. */
function checkOne(certificate: X509Certificate, now: Date): void {
  for (const { oid, critical, value } of extensionsOf(certificate)) {
    const isUnknown =
      !HANDLED.has(oid) || (oid === Oid.nameConstraints && readDer(readNameConstraints, value).hasUnknown);
    if (critical && isUnknown) throw new KeyError("CERTIFICATE_EXTENSION", { seen: oid });
  }
  const [from, to] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  const shown = (date: Date) => date.toISOString().replace(/\.\d+Z$/, "Z");
  if (now < from) {
    throw new KeyError("CERTIFICATE_EXPIRED", { now: shown(now), seen: "before", limit: shown(from) });
  }
  if (now > to) throw new KeyError("CERTIFICATE_EXPIRED", { now: shown(now), seen: "after", limit: shown(to) });
}

/** RFC 5280 §4.2.1.12: a certificate that states no extended usage may be used for all. */
function maySignCode(certificate: X509Certificate): boolean {
  // Node calls the extended key usages "keyUsage".
  const usages = certificate.keyUsage as readonly string[] | undefined;
  return usages === undefined || usages.length === 0 || usages.includes(CODE_SIGNING) || usages.includes(ANY_USAGE);
}

/**
 * The ways from a certificate up to a root, both included.
 * @param below the signer's certificate and the issuers up to the one whose issuers are looked for
 * @param checks how many signatures may still be checked, in all
 * @throws KeyError where there is none: what is wrong with the issuer that was tried last
 */
function findChains(
  below: readonly X509Certificate[],
  trust: CertificateTrust,
  checks: { left: number },
): readonly (readonly X509Certificate[])[] {
  const certificate = below[below.length - 1] as X509Certificate;
  if (trust.roots.some((root) => root.raw.equals(certificate.raw))) return [below];
  const chains: (readonly X509Certificate[])[] = [];
  let problem: KeyError | undefined;
  let hint: { readonly hint: string; readonly issuer: string } | undefined;
  const consider = (issuer: X509Certificate, isRoot: boolean): void => {
    if (issuer.subject !== certificate.issuer || below.some(({ raw }) => raw.equals(issuer.raw))) return;
    if (checks.left-- <= 0) {
      // As in Go: a chain that was found before is as good as ever.
      problem = new KeyError("CERTIFICATE_CHAINS");
      return;
    }
    const refusal = signatureProblem(certificate, issuer);
    if (refusal !== undefined) {
      hint ??= { hint: refusal, issuer: commonName(issuer) };
      return;
    }
    try {
      checkIssuer(issuer, below, isRoot, trust.now);
      if (isRoot) chains.push([...below, issuer]);
      else if (below.length <= MAX_CHAIN) chains.push(...findChains([...below, issuer], trust, checks));
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
      problem = error;
      hint ??= { hint: error.message, issuer: commonName(issuer) };
    }
  };
  for (const root of trust.roots) consider(root, true);
  for (const issuer of trust.intermediates) consider(issuer, false);
  if (chains.length > 0) return chains;
  throw problem ?? new KeyError("CERTIFICATE_UNTRUSTED", hint);
}

/** Why an issuer of the right name has not signed a certificate, in Go's words. */
function signatureProblem(certificate: X509Certificate, issuer: X509Certificate): string | undefined {
  const usage = extensionsOf(issuer).find(({ oid }) => oid === Oid.keyUsage);
  if (!issuer.ca || (usage !== undefined && !readDer(maySignCertificates, usage.value))) {
    return "x509: invalid signature: parent certificate cannot sign this kind of certificate";
  }
  if (certificate.verify(issuer.publicKey)) return undefined;
  switch (issuer.publicKey.asymmetricKeyType) {
    case "ec":
      return "x509: ECDSA verification failure";
    case "ed25519":
      return "x509: Ed25519 verification failure";
    default:
      return "crypto/rsa: verification error";
  }
}

/** What binds an issuer: its own time and extensions, whom it may sign for, how many may stand below it. */
function checkIssuer(issuer: X509Certificate, below: readonly X509Certificate[], isRoot: boolean, now: Date): void {
  checkOne(issuer, now);
  const extensions = extensionsOf(issuer);
  const constraints = extensions.find(({ oid }) => oid === Oid.nameConstraints);
  if (constraints !== undefined) {
    const limits = readDer(readNameConstraints, constraints.value);
    for (const certificate of below) checkNames(certificate, limits);
  }
  if (!isRoot && !issuer.ca) throw new KeyError("CERTIFICATE_NOT_ISSUER");
  const basic = extensions.find(({ oid }) => oid === Oid.basicConstraints);
  const limit = basic === undefined ? undefined : readDer(readPathLength, basic.value);
  // The signer's own certificate does not count.
  if (limit !== undefined && below.length - 1 > limit) throw new KeyError("CERTIFICATE_PATH_LENGTH");
}

function checkNames(certificate: X509Certificate, { permitted, excluded }: NameConstraints): void {
  const names = extensionsOf(certificate).find(({ oid }) => oid === Oid.subjectAltName);
  if (names === undefined) return;
  const refuse = (reason: string): never => {
    throw new KeyError("CERTIFICATE_NAME", { reason });
  };
  for (const name of readDer(readAlternativeNames, names.value)) {
    const ofKind = (list: readonly GeneralName[]) => list.filter(({ kind }) => kind === name.kind);
    const [limits, forbidden] = [ofKind(permitted), ofKind(excluded)];
    const shown = `${name.kind} ${quote(showName(name))}`;
    try {
      checkName(name);
      for (const one of forbidden) {
        if (isWithin(name, one)) refuse(`${shown} is excluded by constraint ${quote(showName(one))}`);
      }
      if (limits.length === 0 || limits.some((one) => isWithin(name, one))) continue;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      refuse(printable(error.message));
    }
    refuse(`${shown} is not permitted by any constraint`);
  }
}

/** What Go calls an issuer by. */
function commonName({ subject, serialNumber }: X509Certificate): string {
  const named = /^CN=(.*)$/m.exec(subject) ?? /^O=(.*)$/m.exec(subject);
  return named?.[1] ?? `serial:${BigInt(`0x${serialNumber}`)}`;
}

function extensionsOf(certificate: X509Certificate): ReturnType<typeof readExtensions> {
  return readDer(readExtensions, certificate.raw);
}

function readDer<T>(read: (bytes: Uint8Array) => T, bytes: Uint8Array): T {
  try {
    return read(bytes);
  } catch (cause) {
    throw new KeyError("CERTIFICATE_INVALID", { reason: (cause as Error).message, cause });
  }
}
