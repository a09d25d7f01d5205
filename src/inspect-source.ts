import { printable, printableLines } from "./bytes/printable.ts";
import type { Digest } from "./oci/digest.ts";
import type { ImageSource } from "./oci/image.ts";
import { formatPlatform } from "./oci/platform.ts";
import { readContainerConfig } from "./singularity-d/container-config.ts";
import { definitionOfReference } from "./singularity-d/definition-text.ts";
import { imageRunscript } from "./singularity-d/runscript.ts";
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
  /** The runscript that a conversion would write. */
  readonly runscript: string;
  /** The definition that a conversion would write. */
  readonly deffile: string;
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
  const { labels, entrypoint, cmd, ociConfigJson } = readContainerConfig(image.config.config);
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
    runscript: imageRunscript({ entrypoint, cmd }),
    deffile: definitionOfReference(image.reference).text,
    layers,
    compressedSize: layers.reduce((sum, { size }) => sum + size, 0),
    spaceNeeded: estimateSize(layers, options.compression ?? "gzip").likely,
  };
}

/** A part of a source's description. */
export type SourceSection = "deffile" | "runscript" | "environment" | "labels";

/** The parts that `sourceSections` knows, in their order. */
export const SOURCE_SECTIONS: readonly SourceSection[] = ["deffile", "runscript", "environment", "labels"];

/**
 * Parts of the description, one behind the other: the texts that a conversion would write, the variables of the
 * config and the labels of the image. What the image says stays on its own line, fit for a terminal.
 */
export function sourceSections(description: SourceDescription, wanted: ReadonlySet<SourceSection>): string {
  const { deffile, runscript, labels } = description;
  const texts: Readonly<Record<SourceSection, () => string>> = {
    deffile: () => `${printableLines(deffile)}\n`,
    runscript: () => `${printableLines(runscript)}\n`,
    environment: () => environmentOf(description).map(line).join(""),
    labels: () => labelLines(labels).map(line).join(""),
  };
  return SOURCE_SECTIONS.map((section) => (wanted.has(section) ? texts[section]() : "")).join("");
}

/** The same parts for programs. */
export function sourceSectionsJson(
  description: SourceDescription,
  wanted: ReadonlySet<SourceSection>,
): Readonly<Record<string, unknown>> {
  const { deffile, runscript, labels } = description;
  const members = { deffile, runscript, environment: environmentOf(description), labels };
  return Object.fromEntries(SOURCE_SECTIONS.flatMap((one) => (wanted.has(one) ? [[one, members[one]]] : [])));
}

/** `readContainerConfig` has seen to it that these are texts. */
const environmentOf = ({ config }: SourceDescription): readonly string[] => (config["Env"] ?? []) as readonly string[];

const labelLines = (labels: SourceDescription["labels"]): string[] =>
  Object.entries(labels).map(([key, value]) => `${key}: ${value}`);

/** What an image says must not pass for another line of the report, nor drive a terminal. */
const line = (text: string): string => `${printable(text)}\n`;

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
    lines.length === 0 ? "" : `${text}:\n${lines.map((one) => `  ${line(one)}`).join("")}`;
  const { Labels: _, ...members } = config;
  return [
    ...rows.map(([key, value]) => line(`${`${key}:`.padEnd(14)}${value}`)),
    heading("Labels", labelLines(labels)),
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
