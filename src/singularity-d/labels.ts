import { goJson } from "./go-json.ts";

/** What the container's labels are made of. */
export interface LabelSources {
  readonly imageLabels: ReadonlyMap<string, string>;
  /** Keywords of the definition's header, lower case. */
  readonly keywords: readonly (readonly [keyword: string, value: string])[];
  /** GOARCH name that was asked for. */
  readonly architecture: string;
  readonly timeSec: number;
  /** Digest of the manifest that the SIF was made from; absent where there is none. */
  readonly sourceDigest?: string;
}

/**
 * Apptainer whose files these are equal to. It stands in the label that tools ask for the version that
 * built an image; which layout they may expect is what it says.
 */
export const APPTAINER_VERSION = "1.4.5";

/** Ours: the digest of the image manifest, so that a SIF tells exactly what it was made from. */
export const SOURCE_DIGEST_LABEL = "sifon.source.digest";

/** Labels of the image, overlaid with those that Apptainer adds and with {@link SOURCE_DIGEST_LABEL}. */
export function containerLabels(sources: LabelSources): Map<string, string> {
  const labels = new Map(sources.imageLabels);
  labels.set("org.label-schema.schema-version", "1.0");
  labels.set("org.label-schema.build-arch", sources.architecture);
  labels.set("org.label-schema.build-date", formatBuildDate(sources.timeSec));
  labels.set("org.label-schema.usage.apptainer.version", APPTAINER_VERSION);
  for (const [keyword, value] of sources.keywords) {
    labels.set(`org.label-schema.usage.singularity.deffile.${keyword}`, value); // Apptainer's word, too
  }
  if (sources.sourceDigest !== undefined) labels.set(SOURCE_DIGEST_LABEL, sources.sourceDigest);
  return labels;
}

/** `/.singularity.d/labels.json`: sorted, indented by tabs, no newline at the end. */
export function labelsJson(labels: ReadonlyMap<string, string>): string {
  return goJson(labels, { indent: "\t" });
}

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** `Saturday_21_November_2026_22:55:9_UTC`: nothing is padded. Always UTC, so that one image gives one SIF anywhere. */
export function formatBuildDate(timeSec: number): string {
  const t = new Date(timeSec * 1000);
  const date = `${DAYS[t.getUTCDay()]}_${t.getUTCDate()}_${MONTHS[t.getUTCMonth()]}_${t.getUTCFullYear()}`;
  return `${date}_${t.getUTCHours()}:${t.getUTCMinutes()}:${t.getUTCSeconds()}_UTC`;
}
