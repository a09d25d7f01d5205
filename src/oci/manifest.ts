import { type Descriptor, parseDescriptor } from "./descriptor.ts";
import { OciError } from "./errors.ts";
import { type JsonNode, parseJson } from "./json-node.ts";
import {
  bareMediaType,
  isConfigType,
  isIndexType,
  isManifestType,
  isSchema1Type,
  layerCompression,
  ManifestType,
} from "./media-types.ts";
import { type Platform, parsePlatform } from "./platform.ts";

/** Registries refuse manifests over 4 MiB (distribution spec 1.1 §"Pushing Manifests" names it as the least to accept). */
export const MAX_MANIFEST_SIZE: number = 4 * 1024 * 1024;
/** Docker stops at 127 layers, other builders do not; each costs a decoder and a merge pass, not memory. */
export const MAX_MANIFEST_LAYERS = 4096;
/** Entries of an index; a local layout may hold many images. */
export const MAX_INDEX_ENTRIES = 16_384;

/** One image: its config and its layers, lowest first. */
export interface Manifest {
  readonly kind: "manifest";
  readonly mediaType: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** A choice of images, mostly one per platform. */
export interface ImageIndex {
  readonly kind: "index";
  readonly mediaType: string;
  readonly manifests: readonly IndexEntry[];
}

export interface IndexEntry extends Descriptor {
  readonly platform?: Platform;
}

export interface ParseManifestOptions {
  /** Names the document in messages: `the manifest of "docker://alpine"`. */
  readonly what: string;
  /** What the registry's Content-Type or the index said; unknown types give way to the document itself. */
  readonly mediaType?: string | undefined;
}

/**
 * Reads a manifest or an index, of OCI or of Docker's schema 2. The type comes from `mediaType`, else from
 * the document's own `mediaType` member, else from its members (the OCI types may leave `mediaType` out).
 *
 * Throws `OciError`: DOCUMENT_TOO_LARGE, DOCUMENT_NOT_JSON, DOCUMENT_SHAPE, DIGEST_INVALID,
 * MEDIA_TYPE_UNKNOWN, MANIFEST_SCHEMA_1, MANIFEST_AMBIGUOUS.
 */
export function parseManifest(bytes: Uint8Array, options: ParseManifestOptions): Manifest | ImageIndex {
  const { what } = options;
  const document = parseJson(bytes, what, MAX_MANIFEST_SIZE);
  const mediaType = manifestMediaType(document, options);
  // CVE-2021-41190: the same bytes must not be a manifest for one reader and an index for another.
  const hasManifests = document.member("manifests").present;
  if (hasManifests && (document.member("layers").present || document.member("config").present)) {
    throw new OciError("MANIFEST_AMBIGUOUS", { what });
  }
  return isIndexType(mediaType) ? readIndex(document, mediaType, what) : readManifest(document, mediaType, what);
}

function manifestMediaType(document: JsonNode, { what, mediaType }: ParseManifestOptions): string {
  const claimed = bareMediaType(mediaType ?? "");
  const own = bareMediaType(document.member("mediaType").optionalString() ?? "");
  for (const type of [claimed, own]) {
    if (isSchema1Type(type)) throw new OciError("MANIFEST_SCHEMA_1", { what });
    if (isManifestType(type) || isIndexType(type)) return type;
  }
  if (own !== "") throw new OciError("MEDIA_TYPE_UNKNOWN", { what, mediaType: own });
  if (document.member("fsLayers").present) throw new OciError("MANIFEST_SCHEMA_1", { what });
  if (document.member("manifests").present) return ManifestType.ociIndex;
  if (document.member("config").present) return ManifestType.ociManifest;
  throw new OciError("MEDIA_TYPE_UNKNOWN", { what, mediaType: claimed });
}

function readManifest(document: JsonNode, mediaType: string, what: string): Manifest {
  return {
    kind: "manifest",
    mediaType,
    config: parseDescriptor(document.member("config"), what),
    layers: document
      .member("layers")
      .items(MAX_MANIFEST_LAYERS)
      .map((layer) => parseDescriptor(layer, what)),
  };
}

function readIndex(document: JsonNode, mediaType: string, what: string): ImageIndex {
  const manifests = document
    .member("manifests")
    .items(MAX_INDEX_ENTRIES)
    .map((entry): IndexEntry => {
      const platform = entry.member("platform");
      return {
        ...parseDescriptor(entry, what),
        ...(platform.present ? { platform: parsePlatform(platform) } : {}),
      };
    });
  return { kind: "index", mediaType, manifests };
}

/**
 * Refuses what cannot become a root file system: artifacts (charts, signatures, SIFs pushed with ORAS) and
 * layers that are not tars. Throws `OciError` IMAGE_IS_ARTIFACT or LAYER_TYPE_UNSUPPORTED.
 */
export function checkRunnable(manifest: Manifest, what: string): void {
  const { config, layers } = manifest;
  const tarLayers = layers.every((layer) => layerCompression(bareMediaType(layer.mediaType)) !== undefined);
  // Some builders write their own config type over ordinary layers; such an image is taken.
  if (!isConfigType(bareMediaType(config.mediaType)) && (!tarLayers || layers.length === 0)) {
    throw new OciError("IMAGE_IS_ARTIFACT", { what, mediaType: config.mediaType });
  }
  layers.forEach((layer, index) => {
    if (layerCompression(bareMediaType(layer.mediaType)) !== undefined) return;
    const problem = layer.mediaType.endsWith("+encrypted") ? "which only holders of its key can read" : undefined;
    const { digest, mediaType } = layer;
    throw new OciError("LAYER_TYPE_UNSUPPORTED", { what, index: index + 1, digest, mediaType, problem });
  });
}
