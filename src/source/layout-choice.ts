import type { Digest } from "../oci/digest.ts";
import type { ImageIndex, IndexEntry } from "../oci/manifest.ts";
import { formatPlatform } from "../oci/platform.ts";
import { isAttestation } from "../oci/platform-choice.ts";
import { SourceError } from "./errors.ts";

/** OCI image spec 1.1, annotations.md; a tag, or with some tools a whole reference. */
const REF_NAME = "org.opencontainers.image.ref.name";
/** containerd and BuildKit put the whole reference here and the tag alone in REF_NAME. */
const CONTAINERD_NAME = "io.containerd.image.name";

/** What the user asks of a layout. */
export interface LayoutRequest {
  readonly uri: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** Images that a message lists; a folder may hold hundreds. */
export const MAX_LISTED = 20;

/**
 * The entries of a layout's `index.json` that are the wanted image: one, or several for as many platforms.
 *
 * Throws `SourceError` IMAGE_NOT_IN_LAYOUT, IMAGE_AMBIGUOUS.
 */
export function chooseLayoutEntries(index: ImageIndex, request: LayoutRequest): readonly IndexEntry[] {
  const { uri, tag, digest } = request;
  const images = index.manifests.filter((entry) => !isAttestation(entry));
  const available = listImages(images);
  const tagged = tag === undefined ? images : images.filter((entry) => hasName(entry, tag));
  const chosen = digest === undefined ? tagged : tagged.filter((entry) => entry.digest === digest);
  if (chosen.length === 0) {
    const wanted = [tag === undefined ? "" : `tagged ${JSON.stringify(tag)}`, digest ?? ""]
      .filter(Boolean)
      .join(" with ");
    throw new SourceError("IMAGE_NOT_IN_LAYOUT", { uri, wanted, available });
  }
  // Two tags of one image are one image; entries that differ in platform alone are a choice of platform.
  const distinct = [...new Map(chosen.map((entry) => [entry.digest, entry])).values()];
  if (distinct.length === 1 || isPlatformChoice(distinct)) return distinct;
  throw new SourceError("IMAGE_AMBIGUOUS", { uri, available });
}

function isPlatformChoice(entries: readonly IndexEntry[]): boolean {
  const names = new Set(entries.map((entry) => entry.annotations?.[REF_NAME]));
  const platforms = new Set(entries.map(({ platform }) => platform && formatPlatform(platform)));
  return names.size === 1 && !platforms.has(undefined) && platforms.size === entries.length;
}

function hasName({ annotations }: IndexEntry, tag: string): boolean {
  const names = [annotations?.[REF_NAME], annotations?.[CONTAINERD_NAME]];
  // `docker.io/library/alpine:3.18` answers to `3.18` and to `alpine:3.18` too, as umoci and skopeo users write it.
  return names.some(
    (name) => name !== undefined && (name === tag || name.endsWith(`:${tag}`) || name.endsWith(`/${tag}`)),
  );
}

function listImages(images: readonly IndexEntry[]): string {
  if (images.length === 0) return "no image";
  const lines = images.slice(0, MAX_LISTED).map(({ digest, annotations, platform }) => {
    const name = annotations?.[REF_NAME];
    return [
      name === undefined ? "" : `:${name}`,
      `@${digest}`,
      platform === undefined ? "" : `(${formatPlatform(platform)})`,
    ]
      .filter(Boolean)
      .join(" ");
  });
  if (images.length > MAX_LISTED) lines.push(`and ${images.length - MAX_LISTED} more`);
  return lines.join(", ");
}
