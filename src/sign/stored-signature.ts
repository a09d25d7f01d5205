import { HashType } from "../sif/data-type.ts";
import type { SifObject } from "../sif/image.ts";
import { readObject } from "../sif/reader.ts";
import type { HashAlgorithm } from "./digest.ts";
import { type Envelope, parseEnvelope } from "./dsse/envelope.ts";
import { IntegrityError } from "./errors.ts";
import { type ClearText, parseClearText } from "./openpgp/clear-text.ts";
import type { SignedImage } from "./signed-image.ts";

/** First line of signatures from before Singularity 3.6. */
const LEGACY_PREFIX = "SIFHASH:\n";
/** A message has some 190 bytes per object, in base64 250: enough for 4,000 of them. It is taken apart in memory. */
const MAX_SIGNATURE_SIZE = 1024 * 1024;

/** A signature object whose content is understood, not yet believed. */
export type StoredSignature = { readonly object: SifObject } & (
  | { readonly kind: "dsse"; readonly envelope: Envelope }
  | { readonly kind: "clear"; readonly text: ClearText }
);

/** @throws IntegrityError SIGNATURE_FORMAT_UNKNOWN; SifError OBJECT_OUTSIDE_FILE */
export async function readSignature(signed: SignedImage, object: SifObject): Promise<StoredSignature> {
  if (object.size > MAX_SIGNATURE_SIZE) {
    throw new IntegrityError("SIGNATURE_FORMAT_UNKNOWN", { id: object.id, seen: object.size });
  }
  const content = await readObject(signed.access, object);
  const envelope = parseEnvelope(content);
  if (envelope !== undefined) return { object, kind: "dsse", envelope };
  const text = parseClearText(content);
  if (text === undefined) throw new IntegrityError("SIGNATURE_FORMAT_UNKNOWN", { id: object.id });
  return { object, kind: "clear", text };
}

export function isLegacy(signature: StoredSignature): boolean {
  return signature.kind === "clear" && signature.text.text.startsWith(LEGACY_PREFIX);
}

/** The digest that a legacy signature's text states, in hex; undefined where there is none. */
export function legacyDigest(text: string): string | undefined {
  return /^([0-9a-fA-F]+)\s*$/.exec(text.slice(LEGACY_PREFIX.length))?.[1]?.toLowerCase();
}

/** What a descriptor's hash type means; undefined for those that Node's OpenSSL and Apptainer do not share. */
const HASH_TYPES: ReadonlyMap<number, HashAlgorithm> = new Map<number, HashAlgorithm>([
  [HashType.sha256, "sha256"],
  [HashType.sha384, "sha384"],
  [HashType.sha512, "sha512"],
]);

/** @throws IntegrityError HASH_UNSUPPORTED for a number that names no hash */
export function checkHashType({ extra }: SifObject): HashAlgorithm | undefined {
  const type = extra.kind === "signature" ? extra.hashType : 0;
  if (!Object.values<number>(HashType).includes(type)) throw new IntegrityError("HASH_UNSUPPORTED", { seen: type });
  return HASH_TYPES.get(type);
}
