import { quote } from "../bytes/printable.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";
import { SifError } from "../sif/errors.ts";

/** Why an image is not what its signatures say, or has none. */
export type IntegrityErrorCode =
  | "GROUP_ID_INVALID"
  | "OBJECT_ID_INVALID"
  | "GROUP_NOT_FOUND"
  | "OBJECT_NOT_FOUND"
  | "GROUPS_MISSING"
  | "OBJECT_UNGROUPED"
  | "SIGNATURE_NOT_FOUND"
  | "SIGNATURE_FORMAT_UNKNOWN"
  | "SIGNATURE_INVALID"
  | "METADATA_INVALID"
  | "HASH_UNSUPPORTED"
  | "KEY_MATERIAL_MISSING"
  | "FINGERPRINT_MISMATCH"
  | "SIGNERS_MISSING"
  | "SIGNED_OBJECT_NOT_FOUND"
  | "OBJECT_NOT_SIGNED"
  | "HEADER_COMPROMISED"
  | "DESCRIPTOR_COMPROMISED"
  | "OBJECT_COMPROMISED";

// The sentences are those of Apptainer 1.4.5, which scripts and people search logs for.
const INTEGRITY_MESSAGES: MessageTable<IntegrityErrorCode> = {
  GROUP_ID_INVALID: () => "invalid group ID",
  OBJECT_ID_INVALID: () => "invalid object ID",
  GROUP_NOT_FOUND: () => "group not found",
  OBJECT_NOT_FOUND: () => "object not found",
  GROUPS_MISSING: () => "no groups found",
  OBJECT_UNGROUPED: () => "non-signature object not associated with object group",
  SIGNATURE_NOT_FOUND: (d) => `signature not found for ${d["what"]} ${d["id"]}`,
  SIGNATURE_FORMAT_UNKNOWN: () => "signature format not recognized",
  SIGNATURE_INVALID: (d) => `signature object ${d["id"]} not valid: ${d["reason"]}`,
  METADATA_INVALID: (d) => `signature object ${d["id"]} holds metadata that cannot be read: ${d["reason"]}`,
  HASH_UNSUPPORTED: () => "hash algorithm unsupported",
  KEY_MATERIAL_MISSING: (d) => `key material not provided for ${d["what"]} signature`,
  FINGERPRINT_MISMATCH: () => "fingerprint in descriptor does not correspond to signing entity",
  SIGNERS_MISSING: () => "image not signed by required entities",
  SIGNED_OBJECT_NOT_FOUND: (d) => `object ${d["id"]}: signed object not found`,
  OBJECT_NOT_SIGNED: (d) => `object ${d["id"]}: object not signed`,
  HEADER_COMPROMISED: () => "header integrity compromised",
  DESCRIPTOR_COMPROMISED: (d) => `data object descriptor integrity compromised: ${d["id"]}`,
  // Deviates: of an offset below zero Apptainer says what the system said, and no more (test/oracle/sign-tampering.test.ts).
  OBJECT_COMPROMISED: (d) =>
    `${d["reason"] === undefined ? "" : `${d["reason"]}: `}data object integrity compromised${d["id"] === undefined ? "" : `: ${d["id"]}`}`,
};

/** An image that its signatures do not vouch for, or a choice of objects that it does not have. */
export class IntegrityError extends SifonError {
  declare readonly code: IntegrityErrorCode;

  constructor(code: IntegrityErrorCode, details: ErrorDetails = {}) {
    super(code, INTEGRITY_MESSAGES[code](details), details);
  }
}

/** Content that lies outside the file is not what was signed. What is no such refusal is given back as it is. */
export function unreadableObject(cause: unknown, details: ErrorDetails): unknown {
  if (!(cause instanceof SifError)) return cause;
  const { path, offset } = cause.details as { readonly path: string; readonly offset: number | bigint };
  const why = offset < 0 ? { reason: `readat ${path}: negative offset` } : {};
  return new IntegrityError("OBJECT_COMPROMISED", { ...details, ...why, cause });
}

/** Why a key cannot be made, read, found or used. */
export type KeyErrorCode =
  | "PEM_INVALID"
  | "PEM_TYPE_UNKNOWN"
  | "KEY_UNSUPPORTED"
  | "PASSPHRASE_NEEDED"
  | "PASSPHRASE_WRONG"
  | "CERTIFICATE_INVALID"
  | "CERTIFICATE_UNTRUSTED"
  | "CERTIFICATE_EXPIRED"
  | "CERTIFICATE_USAGE"
  | "CERTIFICATE_EXTENSION"
  | "CERTIFICATE_NOT_ISSUER"
  | "CERTIFICATE_PATH_LENGTH"
  | "CERTIFICATE_NAME"
  | "CERTIFICATE_CHAINS"
  | "KEYRING_DAMAGED"
  | "KEYRING_BUSY"
  | "KEY_INVALID"
  | "KEY_PRESENT"
  | "KEY_NOT_FOUND"
  | "KEY_GENERATION";

const KEY_MESSAGES: MessageTable<KeyErrorCode> = {
  PEM_INVALID: (d) => (d["what"] === "certificate" ? "failed to decode PEM" : "PEM decoding failed"),
  PEM_TYPE_UNKNOWN: (d) =>
    d["what"] === "public key"
      ? `unknown Public key PEM file type: ${d["seen"]}. Are you passing the correct public key?`
      : `unknown ${d["what"]} PEM file type: ${d["seen"]}`,
  KEY_UNSUPPORTED: (d) => `the key cannot sign images: it is ${d["seen"]}, not ${d["expected"]}`,
  PASSPHRASE_NEEDED: () => "the key is encrypted and needs its passphrase",
  PASSPHRASE_WRONG: () => "the passphrase does not open the key",
  CERTIFICATE_INVALID: (d) => `the certificate cannot be read: ${d["reason"]}`,
  CERTIFICATE_UNTRUSTED: (d) =>
    `x509: certificate signed by unknown authority${
      d["hint"] === undefined
        ? ""
        : ` (possibly because of ${quote(d["hint"])} while trying to verify candidate authority certificate ${quote(d["issuer"])})`
    }`,
  CERTIFICATE_NOT_ISSUER: () => "x509: certificate is not authorized to sign other certificates",
  CERTIFICATE_PATH_LENGTH: () => "x509: too many intermediates for path length constraint",
  CERTIFICATE_CHAINS: () => "x509: signature check attempts limit reached while verifying certificate chain",
  CERTIFICATE_NAME: (d) =>
    `x509: a root or intermediate certificate is not authorized to sign for this name: ${d["reason"]}`,
  CERTIFICATE_EXPIRED: (d) =>
    `x509: certificate has expired or is not yet valid: current time ${d["now"]} is ${d["seen"]} ${d["limit"]}`,
  CERTIFICATE_USAGE: () => "x509: certificate specifies an incompatible key usage",
  CERTIFICATE_EXTENSION: (d) => `x509: unhandled critical extension ${d["seen"]}`,
  KEYRING_DAMAGED: (d) =>
    `Cannot read the keyring "${d["path"]}" at byte ${d["offset"]}: ${d["reason"]}. It is no binary OpenPGP keyring, or it is damaged.`,
  KEYRING_BUSY: (d) =>
    `Cannot change the keyring "${d["path"]}": another process is changing it. If there is none, remove "${d["lock"]}".`,
  KEY_INVALID: (d) => `openpgp: invalid argument: ${d["reason"]}`,
  KEY_PRESENT: (d) => `the key with fingerprint ${d["fingerprint"]} already belongs to the keyring`,
  KEY_NOT_FOUND: () => "no key matching given fingerprint found",
  KEY_GENERATION: (d) => `cannot generate the key: ${d["reason"]}`,
};

/** Key material that cannot be used for what it was given for. */
export class KeyError extends SifonError {
  declare readonly code: KeyErrorCode;

  constructor(code: KeyErrorCode, details: ErrorDetails = {}) {
    super(code, KEY_MESSAGES[code](details), details);
  }
}
