import { createHash, type Hash } from "node:crypto";
import { OciError } from "./errors.ts";

/** `algorithm:hex`, checked by `parseDigest`: `sha256:<64 hex>` or `sha512:<128 hex>`, lower case. */
export type Digest = `${string}:${string}`;

/** The registered algorithms of OCI image spec 1.1, descriptor.md §"Registered algorithms", with their hex length. */
const HEX_LENGTH = { sha256: 64, sha512: 128 } as const;
export type DigestAlgorithm = keyof typeof HEX_LENGTH;

/**
 * Checks the form of a digest. Throws `OciError` DIGEST_INVALID; `what` names the document it stands in.
 * Upper-case hex is refused as the spec says: digests are compared as strings and used as file names.
 */
export function parseDigest(text: string, what?: string): Digest {
  const problem = digestProblem(text);
  if (problem !== undefined) throw new OciError("DIGEST_INVALID", { text: text.slice(0, 200), problem, what });
  return text as Digest;
}

/** Whether `text` is a digest that `parseDigest` takes. */
export function isDigest(text: string): text is Digest {
  return digestProblem(text) === undefined;
}

function digestProblem(text: string): string | undefined {
  const colon = text.indexOf(":");
  if (colon < 0) return "it has no colon";
  const algorithm = text.slice(0, colon);
  const length = Object.hasOwn(HEX_LENGTH, algorithm) ? HEX_LENGTH[algorithm as DigestAlgorithm] : undefined;
  if (length === undefined) return `the algorithm ${JSON.stringify(algorithm)} is not known`;
  const hex = text.slice(colon + 1);
  if (!/^[0-9a-f]*$/.test(hex)) return "it has characters other than 0-9 and a-f";
  if (hex.length !== length) return `it has ${hex.length} hexadecimal digits, not ${length}`;
  return undefined;
}

/** The part in front of the colon. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(":")) as DigestAlgorithm;
}

/** The part behind the colon. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

/** A running hash of the digest's algorithm; `digest("hex")` of it is to equal `digestHex`. */
export function createDigestHash(digest: Digest): Hash {
  return createHash(digestAlgorithm(digest));
}

/** The digest of bytes at hand. */
export function computeDigest(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
}
