import { createHash, type Hash } from "node:crypto";

/** Hash algorithms of the signed message, by the names it uses, with those that OpenSSL knows them by. */
const OPENSSL_NAMES = {
  sha224: "sha224",
  sha256: "sha256",
  sha384: "sha384",
  sha512: "sha512",
  sha512_224: "sha512-224",
  sha512_256: "sha512-256",
} as const;

export type HashAlgorithm = keyof typeof OPENSSL_NAMES;

/** A digest as `algorithm:hex` writes it. */
export interface SignedDigest {
  readonly algorithm: HashAlgorithm;
  /** Lower-case. */
  readonly hex: string;
}

export function createHasher(algorithm: HashAlgorithm): Hash {
  return createHash(OPENSSL_NAMES[algorithm]);
}

export function digestOf(algorithm: HashAlgorithm, bytes: Uint8Array): SignedDigest {
  return { algorithm, hex: createHasher(algorithm).update(bytes).digest("hex") };
}

/** `sha256:5a44…` */
export function formatDigest({ algorithm, hex }: SignedDigest): string {
  return `${algorithm}:${hex}`;
}

/** The inverse; undefined for unknown algorithms and for hex of another length than the algorithm's. */
export function parseDigest(text: string): SignedDigest | undefined {
  const [algorithm = "", hex = ""] = text.split(":", 2);
  if (!isHashAlgorithm(algorithm) || !/^[0-9a-f]+$/.test(hex)) return undefined;
  return hex.length === createHasher(algorithm).digest().length * 2 ? { algorithm, hex } : undefined;
}

export function isHashAlgorithm(name: string): name is HashAlgorithm {
  return Object.hasOwn(OPENSSL_NAMES, name);
}

export function sameDigest(a: SignedDigest, b: SignedDigest): boolean {
  return a.algorithm === b.algorithm && a.hex === b.hex;
}
