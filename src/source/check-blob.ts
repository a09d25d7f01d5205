import { LayerError } from "../layer/errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { computeDigest, digestAlgorithm } from "../oci/digest.ts";

/** Checks a small blob that was read whole. Throws `LayerError` BLOB_SIZE_MISMATCH, BLOB_DIGEST_MISMATCH. */
export function checkBlob(bytes: Uint8Array, { digest, size }: Descriptor): void {
  if (bytes.length !== size) throw new LayerError("BLOB_SIZE_MISMATCH", { digest, size, seen: bytes.length });
  const seen = computeDigest(bytes, digestAlgorithm(digest));
  if (seen !== digest) throw new LayerError("BLOB_DIGEST_MISMATCH", { digest, size, seen });
}
