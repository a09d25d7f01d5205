import { parseJson } from "../../oci/json-node.ts";
import { MAX_MANIFEST_LAYERS, MAX_MANIFEST_SIZE } from "../../oci/manifest.ts";
import { formatReference, parseDockerReference } from "../../oci/reference.ts";
import { SourceError } from "../errors.ts";
import { MAX_LISTED } from "../layout-choice.ts";
import type { ArchiveFile } from "./archive-file.ts";

/** One image of a `manifest.json` (Moby image spec 1.2, "Combined Image JSON + Filesystem Changeset Format"). */
export interface SavedImage {
  /** Names of members. */
  readonly config: string;
  readonly layers: readonly string[];
  /** `alpine:3.18`, `host/alpine:3.18` */
  readonly repoTags: readonly string[];
}

/** Far more than `docker save` is given; bounds against absurd input. */
const MAX_IMAGES = 4096;
const MAX_TAGS = 1024;

/** The images of an archive. Throws `OciError` for a document that is not one. */
export async function readSavedImages(
  archive: ArchiveFile,
  uri: string,
  signal: AbortSignal,
): Promise<readonly SavedImage[]> {
  const bytes = await archive.read("manifest.json", MAX_MANIFEST_SIZE, signal);
  const document = parseJson(bytes, `the manifest.json of ${JSON.stringify(uri)}`, MAX_MANIFEST_SIZE);
  return document.items(MAX_IMAGES).map((image) => ({
    config: image.member("Config").string(),
    layers: image
      .member("Layers")
      .items(MAX_MANIFEST_LAYERS)
      .map((layer) => layer.string()),
    repoTags: image
      .member("RepoTags")
      .items(MAX_TAGS)
      .map((tag) => tag.string()),
  }));
}

/** The image that `repo:tag` names, or the only one. Throws `SourceError` IMAGE_NOT_IN_LAYOUT, IMAGE_AMBIGUOUS. */
export function chooseSavedImage(images: readonly SavedImage[], name: string | undefined, uri: string): SavedImage {
  const available = listImages(images);
  const wanted = name === undefined ? undefined : wholeName(name);
  const chosen = images.filter(
    ({ repoTags }) => wanted === undefined || repoTags.some((tag) => wholeName(tag) === wanted),
  );
  const [only] = chosen;
  if (only === undefined) {
    const what = name === undefined ? "at all" : `tagged ${JSON.stringify(name)}`;
    throw new SourceError("IMAGE_NOT_IN_LAYOUT", { uri, wanted: what, available });
  }
  if (chosen.length > 1) throw new SourceError("IMAGE_AMBIGUOUS", { uri, available });
  return only;
}

/** `alpine`, `alpine:latest`, `docker.io/library/alpine` are one name. */
function wholeName(name: string): string {
  try {
    return formatReference(parseDockerReference(name));
  } catch {
    return name;
  }
}

function listImages(images: readonly SavedImage[]): string {
  if (images.length === 0) return "no image";
  const names = images.flatMap(({ repoTags, config }) =>
    repoTags.length > 0 ? repoTags : [`(untagged, config ${config})`],
  );
  const left = names.length - MAX_LISTED;
  return names.slice(0, MAX_LISTED).join(", ") + (left > 0 ? `, and ${left} more` : "");
}
