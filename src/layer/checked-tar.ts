import type { Layer } from "../oci/image.ts";
import type { OnProgress } from "../progress.ts";
import { decompress } from "./decompress.ts";
import type { ExpansionLimits } from "./limits.ts";
import { verifyBlob, verifyDiffId } from "./verify.ts";

export interface CheckedTarOptions {
  /** Hears of the blob's start, progress and end. */
  readonly onProgress?: OnProgress | undefined;
  readonly limits?: Partial<ExpansionLimits> | undefined;
}

/** What of a layer its bytes are checked against. */
export type LayerIdentity = Pick<Layer, "descriptor" | "diffId">;

/**
 * The uncompressed tar of a layer's stored bytes: verify → decompress → verify diffID. Its chunks are borrowed;
 * one is asked for at a time.
 *
 * Throws `LayerError`, and what `stored` throws.
 */
export function checkedTar(
  stored: AsyncIterable<Uint8Array>,
  { descriptor, diffId }: LayerIdentity,
  { onProgress, limits }: CheckedTarOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { digest } = descriptor;
  const tar = decompress(verifyBlob(stored, descriptor, onProgress), { digest, limits });
  return diffId === undefined ? tar : verifyDiffId(tar, diffId, digest);
}
