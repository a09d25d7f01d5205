import { OciError } from "./errors.ts";
import type { IndexEntry } from "./manifest.ts";
import { formatPlatform, type Platform, satisfiesPlatform } from "./platform.ts";

/** BuildKit's provenance and SBOM manifests stand beside the images, on the platform `unknown/unknown`. */
export function isAttestation({ platform, annotations }: IndexEntry): boolean {
  if (annotations?.["vnd.docker.reference.type"] === "attestation-manifest") return true;
  return platform?.os === "unknown" && platform.architecture === "unknown";
}

/**
 * The entry of an index that fits the platform. Of several, the one without a variant comes first (for
 * amd64, v2 and v3 images ask more of a CPU than the plain one), then the first in the index. An entry
 * that tells no platform is taken only if it is alone; its config is checked later.
 *
 * Throws `OciError` PLATFORM_NOT_FOUND naming what there is.
 */
export function choosePlatform(entries: readonly IndexEntry[], wanted: Platform, what: string): IndexEntry {
  const images = entries.filter((entry) => !isAttestation(entry));
  const fitting = images.filter(({ platform }) => platform !== undefined && satisfiesPlatform(platform, wanted));
  const chosen = fitting.find(({ platform }) => platform?.variant === undefined) ?? fitting[0];
  if (chosen !== undefined) return chosen;
  const [only] = images;
  if (images.length === 1 && only !== undefined && only.platform === undefined) return only;
  throw new OciError("PLATFORM_NOT_FOUND", {
    what,
    platform: formatPlatform(wanted),
    available: listPlatforms(images),
  });
}

/** The platforms of an index's images, in its order. */
export function offeredPlatforms(entries: readonly IndexEntry[]): Platform[] {
  return entries
    .filter((entry) => !isAttestation(entry))
    .flatMap(({ platform }) => (platform === undefined ? [] : [platform]));
}

function listPlatforms(images: readonly IndexEntry[]): string {
  const names = images.map(({ platform }) => (platform === undefined ? "(unnamed)" : formatPlatform(platform)));
  return names.length === 0 ? "no image" : [...new Set(names)].join(", ");
}
