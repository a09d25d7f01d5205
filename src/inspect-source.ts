import type { Digest } from "./oci/digest.ts";
import type { ImageSource } from "./oci/image.ts";
import { formatPlatform } from "./oci/platform.ts";
import { readContainerConfig } from "./singularity-d/container-config.ts";
import { estimateSize } from "./space.ts";
import type { Compression } from "./wasm/compression.ts";

/** What a source tells of an image before any layer is fetched. */
export interface SourceDescription {
  readonly reference: string;
  /** Digest of the manifest. */
  readonly digest: Digest;
  /** `linux/arm/v7` */
  readonly platform: string;
  /** What the index offers; empty where there is none. */
  readonly platforms: readonly string[];
  /** RFC 3339, as the image's config has it. */
  readonly created?: string;
  /** Labels of the image itself; a SIF gets more. */
  readonly labels: Readonly<Record<string, string>>;
  /** The members of the config's `config` that a SIF keeps, as the image has them. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Lowest first; sizes as stored. */
  readonly layers: readonly { readonly digest: Digest; readonly size: number; readonly mediaType: string }[];
  /** Bytes of all layers: what a conversion transfers. */
  readonly compressedSize: number;
  /** Bytes on disk that a conversion takes: the SIF's likely size. Nothing else is written. */
  readonly spaceNeeded: number;
}

/** How a source is described. */
export interface DescribeOptions {
  /** What the SIF would be compressed with; default gzip. */
  readonly compression?: Compression["kind"];
  readonly signal?: AbortSignal;
}

/**
 * Resolves a source's image and tells what is in it; no layer is opened, so of a registry some kilobytes are read.
 * @throws what `ImageSource.resolve` throws, and SingularityDError CONFIG_FIELD_INVALID
 */
export async function describeSource(source: ImageSource, options: DescribeOptions = {}): Promise<SourceDescription> {
  const signal = options.signal ?? new AbortController().signal;
  const image = await source.resolve({ signal });
  const { labels, ociConfigJson } = readContainerConfig(image.config.config);
  const layers = image.layers.map(({ descriptor: { digest, size, mediaType } }) => ({ digest, size, mediaType }));
  const { created } = image.config;
  return {
    reference: image.reference,
    digest: image.manifestDigest,
    platform: formatPlatform(image.platform),
    platforms: (image.offered ?? []).map(formatPlatform),
    ...(created === undefined ? {} : { created }),
    labels: Object.fromEntries([...labels].sort(([a], [b]) => (a < b ? -1 : 1))),
    config: JSON.parse(ociConfigJson) as Readonly<Record<string, unknown>>,
    layers,
    compressedSize: layers.reduce((sum, { size }) => sum + size, 0),
    spaceNeeded: estimateSize(layers, options.compression ?? "gzip").likely,
  };
}

/** The description for people; labels and config members are one per line. */
export function sourceText(description: SourceDescription, formatSize: (bytes: number) => string): string {
  const { reference, digest, platform, platforms, created, labels, config, layers } = description;
  const rows: [string, string][] = [
    ["Reference", reference],
    ["Digest", digest],
    ["Platform", platform],
  ];
  if (platforms.length > 0) rows.push(["Platforms", platforms.join(", ")]);
  if (created !== undefined) rows.push(["Created", created]);
  rows.push(
    ["Layers", `${layers.length}, ${formatSize(description.compressedSize)} to transfer`],
    ["Space needed", `about ${formatSize(description.spaceNeeded)}`],
  );
  const heading = (text: string, lines: readonly string[]): string =>
    lines.length === 0 ? "" : `${text}:\n${lines.map((line) => `  ${line}\n`).join("")}`;
  const { Labels: _, ...members } = config;
  return [
    ...rows.map(([key, value]) => `${`${key}:`.padEnd(14)}${value}\n`),
    heading(
      "Labels",
      Object.entries(labels).map(([key, value]) => `${key}: ${value}`),
    ),
    heading(
      "Config",
      Object.entries(members).map(
        ([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
      ),
    ),
    heading(
      "Layers, lowest first",
      layers.map(({ digest: layer, size }) => `${layer} ${formatSize(size).padStart(10)}`),
    ),
  ].join("");
}
