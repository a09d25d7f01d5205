import type { Descriptor } from "../oci/descriptor.ts";
import { computeDigest, digestAlgorithm } from "../oci/digest.ts";
import { SourceError } from "./errors.ts";

/** Checks a small blob that was read whole. Throws `SourceError` BLOB_SIZE_MISMATCH, BLOB_DIGEST_MISMATCH. */
export function checkBlob(bytes: Uint8Array, { digest, size }: Descriptor, what: string): void {
  if (bytes.length !== size) throw new SourceError("BLOB_SIZE_MISMATCH", { what, seen: bytes.length, expected: size });
  const seen = computeDigest(bytes, digestAlgorithm(digest));
  if (seen !== digest) throw new SourceError("BLOB_DIGEST_MISMATCH", { what, seen, expected: digest });
}
