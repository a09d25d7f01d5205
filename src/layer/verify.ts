import type { Descriptor } from "../oci/descriptor.ts";
import { createDigestHash, type Digest, digestAlgorithm } from "../oci/digest.ts";
import type { OnProgress } from "../progress.ts";
import { LayerError } from "./errors.ts";

/** Bytes between two progress events: 1 MiB, or a hundredth of a large blob. */
const PROGRESS_STEP = 1 << 20;

/**
 * Passes a blob's stored bytes on and checks them against the descriptor. A byte too many is noticed before
 * its chunk is passed on, a missing one and a wrong digest at the end: only when this has ended well is the
 * blob what it is named.
 *
 * Throws `LayerError` BLOB_SIZE_MISMATCH or BLOB_DIGEST_MISMATCH. Tells `blob-start`, `blob-progress` (after
 * every so many bytes) and, when all is checked, `blob-end`.
 */
export async function* verifyBlob(
  chunks: AsyncIterable<Uint8Array>,
  { digest, size }: Descriptor,
  onProgress?: OnProgress,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createDigestHash(digest);
  const step = Math.max(PROGRESS_STEP, size / 100);
  let received = 0;
  let reportAt = step;
  onProgress?.({ kind: "blob-start", role: "layer", digest, size });
  for await (const chunk of chunks) {
    received += chunk.length;
    if (received > size) throw new LayerError("BLOB_SIZE_MISMATCH", { digest, size, seen: received });
    hash.update(chunk);
    if (received >= reportAt) {
      reportAt = received + step;
      onProgress?.({ kind: "blob-progress", digest, received, size });
    }
    yield chunk;
  }
  if (received < size) throw new LayerError("BLOB_SIZE_MISMATCH", { digest, size, seen: received });
  const seen = `${digestAlgorithm(digest)}:${hash.digest("hex")}`;
  if (seen !== digest) throw new LayerError("BLOB_DIGEST_MISMATCH", { digest, size, seen });
  onProgress?.({ kind: "blob-end", digest, size });
}

/**
 * Passes the uncompressed tar on and checks its digest at the end. Throws `LayerError` DIFF_ID_MISMATCH;
 * `digest` is the blob's, for the message.
 */
export async function* verifyDiffId(
  chunks: AsyncIterable<Uint8Array>,
  diffId: Digest,
  digest: Digest,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createDigestHash(diffId);
  let size = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    size += chunk.length;
    yield chunk;
  }
  const seen = `${digestAlgorithm(diffId)}:${hash.digest("hex")}`;
  if (seen !== diffId) throw new LayerError("DIFF_ID_MISMATCH", { digest, diffId, size, seen });
}
