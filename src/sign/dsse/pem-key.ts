import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { KeyError } from "../errors.ts";
import { sshFingerprint } from "./ssh-fingerprint.ts";

const PRIVATE_TYPES = ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] as const;
const PUBLIC_TYPES = ["PUBLIC KEY", "RSA PUBLIC KEY"] as const;
const USABLE = "ECDSA (P-256, P-384, P-521), RSA or Ed25519";

/** Whether a PEM private key needs a passphrase: PKCS #8 says so in its label, older forms in a header (RFC 1421). */
export function isEncryptedPem(pem: string): boolean {
  return /^-----BEGIN ENCRYPTED PRIVATE KEY-----/m.test(pem) || /^Proc-Type: 4,ENCRYPTED/m.test(pem);
}

/**
 * A private key of a PEM file: PKCS #8, SEC 1 or PKCS #1, encrypted or not.
 * @throws KeyError PEM_INVALID, PEM_TYPE_UNKNOWN, KEY_UNSUPPORTED, PASSPHRASE_NEEDED, PASSPHRASE_WRONG
 */
export function readPrivatePem(pem: string, passphrase?: string): KeyObject {
  checkType(pem, "private key", PRIVATE_TYPES);
  const isEncrypted = isEncryptedPem(pem);
  if (isEncrypted && passphrase === undefined) throw new KeyError("PASSPHRASE_NEEDED");
  try {
    return usable(createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) }));
  } catch (cause) {
    if (cause instanceof KeyError) throw cause;
    throw new KeyError(isEncrypted ? "PASSPHRASE_WRONG" : "PEM_INVALID", { cause });
  }
}

/**
 * A public key of a PEM file: PKIX or PKCS #1.
 * @throws KeyError PEM_INVALID, PEM_TYPE_UNKNOWN, KEY_UNSUPPORTED
 */
export function readPublicPem(pem: string): KeyObject {
  checkType(pem, "public key", PUBLIC_TYPES);
  try {
    return usable(createPublicKey(pem));
  } catch (cause) {
    if (cause instanceof KeyError) throw cause;
    throw new KeyError("PEM_INVALID", { cause });
  }
}

/** @throws KeyError KEY_UNSUPPORTED */
export function usable(key: KeyObject): KeyObject {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const isUsable = type === "rsa" || type === "ed25519" || type === "ec";
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  if (!isUsable || (type === "ec" && fingerprintOrNone(publicKey) === undefined)) {
    throw new KeyError("KEY_UNSUPPORTED", { seen: details?.namedCurve ?? type, expected: USABLE });
  }
  return key;
}

function fingerprintOrNone(key: KeyObject): string | undefined {
  try {
    return sshFingerprint(key);
  } catch {
    return undefined; // a curve that JWK has no name for
  }
}

function checkType(pem: string, what: string, known: readonly string[]): void {
  const seen = /^-----BEGIN ([A-Z0-9 ]+)-----/m.exec(pem)?.[1];
  if (seen === undefined) throw new KeyError("PEM_INVALID", { what });
  if (!known.includes(seen)) throw new KeyError("PEM_TYPE_UNKNOWN", { what, seen });
}
