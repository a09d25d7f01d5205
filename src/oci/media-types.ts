/** Media types of manifests: OCI image spec 1.1 media-types.md, and Docker's of "Image Manifest Version 2, Schema 2". */
export const ManifestType = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
} as const;
export type ManifestType = (typeof ManifestType)[keyof typeof ManifestType];

/** What a registry is asked for, best first (RFC 9110 §12.5.1 gives all the same weight; registries take the first). */
export const ACCEPTED_MANIFEST_TYPES: readonly ManifestType[] = [
  ManifestType.ociManifest,
  ManifestType.ociIndex,
  ManifestType.dockerManifest,
  ManifestType.dockerList,
];

const SCHEMA_1_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
]);

const CONFIG_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
]);

/** How a media type says a layer is compressed. The magic bytes win over it, since some registries' tools claim the wrong one. */
export type LayerCompression = "none" | "gzip" | "zstd";

const LAYER_TYPES: ReadonlyMap<string, LayerCompression> = new Map([
  ["application/vnd.oci.image.layer.v1.tar", "none"],
  ["application/vnd.oci.image.layer.v1.tar+gzip", "gzip"],
  ["application/vnd.oci.image.layer.v1.tar+zstd", "zstd"],
  // Non-distributable layers: deprecated by image spec 1.1, but images with them exist.
  ["application/vnd.oci.image.layer.nondistributable.v1.tar", "none"],
  ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "gzip"],
  ["application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "zstd"],
  ["application/vnd.docker.image.rootfs.diff.tar", "none"],
  ["application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"],
  ["application/vnd.docker.image.rootfs.diff.tar.zstd", "zstd"],
  ["application/vnd.docker.image.rootfs.foreign.diff.tar", "none"],
  ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip"],
]);

/** Without parameters and in lower case: `text/html; charset=utf-8` is `text/html`. */
export function bareMediaType(mediaType: string): string {
  return (mediaType.split(";", 1)[0] as string).trim().toLowerCase();
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === ManifestType.ociManifest || mediaType === ManifestType.dockerManifest;
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === ManifestType.ociIndex || mediaType === ManifestType.dockerList;
}

export function isSchema1Type(mediaType: string): boolean {
  return SCHEMA_1_TYPES.has(mediaType);
}

export function isConfigType(mediaType: string): boolean {
  return CONFIG_TYPES.has(mediaType);
}

/** The compression that a layer's media type claims; undefined for types that are not tar layers. */
export function layerCompression(mediaType: string): LayerCompression | undefined {
  return LAYER_TYPES.get(mediaType);
}

/** Whether a layer's bytes may be left out of registries and be found under the descriptor's `urls`. */
export function isForeignLayer(mediaType: string): boolean {
  return mediaType.includes(".nondistributable.") || mediaType.includes(".foreign.");
}
