import type { BlobCache } from "../../cache/blob-cache.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import type { Image } from "../../oci/image.ts";
import { MAX_MANIFEST_SIZE } from "../../oci/manifest.ts";
import { SourceError, type SourceErrorCode } from "../errors.ts";
import type { ImageStore, ServedManifest } from "../resolve-image.ts";

/** Puts a cache before a registry's documents. Layers go through it one by one, see `BlobCache.stream`. */
export function cacheDocuments(store: ImageStore, cache: BlobCache): ImageStore {
  return {
    ...store,
    async readManifest(descriptor, signal) {
      const { digest, size, mediaType } = descriptor;
      const found = await cache.read(digest, Math.min(size, MAX_MANIFEST_SIZE));
      if (found !== undefined) return { bytes: found, digest, mediaType };
      const served = await store.readManifest(descriptor, signal);
      await cache.keep(served.digest, served.bytes);
      return served;
    },
    findBlob: ({ digest, size }) => cache.read(digest, size),
    async readBlob(descriptor, signal) {
      const bytes = await store.readBlob(descriptor, signal);
      await cache.keep(descriptor.digest, bytes);
      return bytes;
    },
  };
}

/** The manifest or index of a digest that is known already. */
export async function cachedManifest(cache: BlobCache, digest: Digest): Promise<ServedManifest | undefined> {
  const bytes = await cache.read(digest, MAX_MANIFEST_SIZE);
  return bytes === undefined ? undefined : { bytes, digest, mediaType: undefined };
}

/** What a HEAD fails with that a GET would too, after as many tries. The rest is for the GET to tell, which brings words. */
const FINAL: ReadonlySet<string> = new Set<SourceErrorCode>([
  "SOURCE_CLOSED",
  "REGISTRY_UNREACHABLE",
  "REGISTRY_TIMEOUT",
  "CONNECTION_LOST",
  "HTTP_NOT_SPOKEN",
  "HTTP_INVALID",
  "TLS_NOT_SPOKEN",
  "TLS_REQUIRED",
  "TLS_CERTIFICATE",
  "TLS_FAILED",
  "RATE_LIMITED",
]);

/** The digest that a HEAD request gave; undefined where the registry does not answer such requests well. */
export async function headDigest(asked: Promise<Digest | undefined>): Promise<Digest | undefined> {
  return asked.catch((error: unknown) => {
    if (error instanceof SourceError && !FINAL.has(error.code)) return undefined;
    throw error;
  });
}

/** An image with what its layers will add to the cache. */
export async function withSideCopy(image: Image, cache: BlobCache | undefined): Promise<Image> {
  if (cache === undefined || !cache.writable) return image;
  const layers: readonly Descriptor[] = image.layers.map(({ descriptor }) => descriptor);
  const size = await cache.missingSize(layers);
  return { ...image, sideCopy: { path: cache.root, size, skip: (reason) => cache.stopWriting(reason) } };
}
