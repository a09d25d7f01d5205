import { streamObject } from "../sif/reader.ts";
import { createHasher, type HashAlgorithm } from "./digest.ts";
import { IntegrityError, unreadableObject } from "./errors.ts";
import type { SignedImage, Target } from "./signed-image.ts";
import { legacyDigest } from "./stored-signature.ts";

/**
 * Compares the digest of a legacy signature (before Singularity 3.6) with the object's content, or with that of a
 * group's objects one after the other. Nothing else of the file is covered: hence "insecure".
 * @throws IntegrityError HASH_UNSUPPORTED, OBJECT_COMPROMISED
 */
export async function verifyLegacyDigest(
  signed: SignedImage,
  wanted: Target & { readonly text: string; readonly algorithm: HashAlgorithm | undefined },
): Promise<void> {
  const { objects, isSubset, text, algorithm } = wanted;
  if (algorithm === undefined) throw new IntegrityError("HASH_UNSUPPORTED");
  const only = isSubset ? objects[0] : undefined;
  const details = { id: only?.id, dataType: only?.dataType };
  const hasher = createHasher(algorithm);
  try {
    for (const object of objects) for await (const piece of streamObject(signed.access, object)) hasher.update(piece);
  } catch (cause) {
    throw unreadableObject(cause, details);
  }
  if (hasher.digest("hex") !== legacyDigest(text)) throw new IntegrityError("OBJECT_COMPROMISED", details);
}
