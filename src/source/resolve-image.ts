import type { Readable } from "node:stream";
import { type ImageConfig, MAX_CONFIG_SIZE, parseImageConfig } from "../oci/config.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type DetachedLayer, detachable } from "../oci/detached-layer.ts";
import type { Digest } from "../oci/digest.ts";
import { OciError } from "../oci/errors.ts";
import type { Image, Layer } from "../oci/image.ts";
import { checkRunnable, type Manifest, parseManifest } from "../oci/manifest.ts";
import { formatPlatform, type Platform, type PlatformRequest, satisfiesPlatform } from "../oci/platform.ts";
import { choosePlatform, offeredPlatforms } from "../oci/platform-choice.ts";
import type { OnProgress } from "../progress.ts";

/** A manifest or an index as it was served, its digest checked. */
export interface ServedManifest {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** What the server or the descriptor said it is. */
  readonly mediaType: string | undefined;
}

/** What a place that keeps an image by digest can do: a registry, a layout, an archive. */
export interface ImageStore {
  /** Digest and size are checked against the descriptor. */
  readManifest(descriptor: Descriptor, signal: AbortSignal): Promise<ServedManifest>;
  /** The whole blob, digest and size checked; for the config. */
  readBlob(descriptor: Descriptor, signal: AbortSignal): Promise<Uint8Array>;
  /** The blob where it need not be fetched, checked likewise. */
  findBlob?(descriptor: Descriptor): Promise<Uint8Array | undefined>;
  /** Opens a layer's stored bytes; `index` counts from the lowest layer. */
  openLayer(layers: readonly Descriptor[], index: number, signal: AbortSignal): Promise<Readable>;
  /** What a thread opens it with by itself, where it can. Throws what `openLayer` throws. */
  detachLayer?(layers: readonly Descriptor[], index: number, signal: AbortSignal): Promise<DetachedLayer | undefined>;
}

export interface ResolveOptions {
  /** As the user wrote it. */
  readonly reference: string;
  readonly platform: PlatformRequest;
  readonly onProgress: OnProgress | undefined;
  readonly signal: AbortSignal;
}

/** Indexes inside indexes: two levels occur (a layout of multi-platform images), a few more do no harm. */
const MAX_INDEX_DEPTH = 6;

/** Goes from what a reference names, an index or a manifest, to the image for the platform. */
export async function resolveImage(top: ServedManifest, store: ImageStore, options: ResolveOptions): Promise<Image> {
  const { reference } = options;
  const { manifest, digest, offered } = await findManifest(top, store, options);
  const name = JSON.stringify(reference);
  checkRunnable(manifest, name);
  const { size } = manifest.config;
  const what = `the config of ${name}`;
  if (size > MAX_CONFIG_SIZE) {
    throw new OciError("DOCUMENT_TOO_LARGE", { what, seen: size, limit: MAX_CONFIG_SIZE, kind: "config" });
  }
  const config = parseImageConfig(await readConfig(manifest.config, store, options), what);
  const { layers } = manifest;
  if (config.diffIds.length > 0 && config.diffIds.length !== layers.length) {
    throw new OciError("CONFIG_LAYERS_MISMATCH", { what: name, layers: layers.length, diffIds: config.diffIds.length });
  }
  if (config.diffIds.length === 0 && layers.length > 0) {
    const message = `the config of ${name} names no diff_ids: its layers are checked as they are stored, but not what they unpack to`;
    options.onProgress?.({ kind: "warning", message });
  }
  return {
    reference,
    manifestDigest: digest,
    configDescriptor: manifest.config,
    config,
    platform: checkPlatform(config, options),
    offered,
    layers: layers.map(
      (descriptor, index): Layer => ({
        descriptor,
        diffId: config.diffIds[index],
        open: detachable(
          ({ signal }) => store.openLayer(layers, index, signal),
          async ({ signal }) => store.detachLayer?.(layers, index, signal),
        ),
      }),
    ),
  };
}

async function readConfig(
  descriptor: Descriptor,
  store: ImageStore,
  { onProgress, signal }: ResolveOptions,
): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  const found = await store.findBlob?.(descriptor);
  if (found !== undefined) {
    onProgress?.({ kind: "blob-reused", digest, size });
    return found;
  }
  onProgress?.({ kind: "blob-start", role: "config", digest, size });
  const bytes = await store.readBlob(descriptor, signal);
  onProgress?.({ kind: "blob-end", digest, size });
  return bytes;
}

async function findManifest(
  top: ServedManifest,
  store: ImageStore,
  { reference, platform, signal }: ResolveOptions,
): Promise<{ manifest: Manifest; digest: Digest; offered: Platform[] | undefined }> {
  let served = top;
  let offered: Platform[] | undefined;
  for (let depth = 0; depth <= MAX_INDEX_DEPTH; depth++) {
    const what = `the ${depth === 0 ? "" : "platform's "}manifest of ${JSON.stringify(reference)}`;
    const document = parseManifest(served.bytes, { what, mediaType: served.mediaType });
    if (document.kind === "manifest") return { manifest: document, digest: served.digest, offered };
    // Of indexes in indexes the last one offers platforms; those above offer images.
    offered = offeredPlatforms(document.manifests);
    served = await store.readManifest(choosePlatform(document.manifests, platform, reference), signal);
  }
  throw new OciError("INDEX_TOO_DEEP", { what: JSON.stringify(reference), limit: MAX_INDEX_DEPTH });
}

/**
 * The platform that the config tells. An image without an index is the only one there is: it must fit a
 * platform that the user named, and is taken with a warning in place of the host's own.
 */
function checkPlatform(config: ImageConfig, { reference, platform, onProgress }: ResolveOptions): Platform {
  const { variant } = config;
  const own: Platform = {
    os: config.os ?? "linux",
    architecture: config.architecture ?? platform.architecture,
    ...(variant === undefined ? {} : { variant }),
  };
  // A config often leaves the variant out where its index tells it.
  const { os, architecture } = platform;
  const wanted = own.variant === undefined ? { os, architecture } : platform;
  if (satisfiesPlatform(own, wanted)) return own;
  const details = { what: reference, seen: formatPlatform(own), platform: formatPlatform(platform) };
  if (platform.explicit || own.os !== os) throw new OciError("PLATFORM_MISMATCH", details);
  const message = `image (${details.seen}) does not satisfy the host's platform (${details.platform}); it will not run here`;
  onProgress?.({ kind: "warning", message });
  return own;
}
