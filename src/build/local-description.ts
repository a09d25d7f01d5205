import { type ByteString, displayBytes } from "../bytes/byte-string.ts";
import type { LocalImage } from "../image/local-image.ts";
import type { ImageConfig } from "../oci/config.ts";
import type { ContainerFileView } from "../singularity-d/container-file-view.ts";
import { type ContainerFile, type ContainerFiles, containerFiles } from "../singularity-d/container-files.ts";
import type { Definition } from "../singularity-d/definition-text.ts";
import { inspectMetadata, namesBelow } from "../singularity-d/inspect-metadata.ts";
import { parseLabels } from "../singularity-d/parse-labels.ts";

/** What a container that is made from another one gets, and says of itself. */
export interface LocalDescription {
  readonly files: ContainerFiles;
  /** Files that are there stay as they are, but for those that tell of this build. */
  readonly keeps: (path: ByteString) => boolean;
  /** The SIF's `inspect-metadata.json`. */
  readonly metadata: string;
}

const LABELS = ".singularity.d/labels.json";
/** Written anew by every build; the former definition moves to the history. */
const ALWAYS_WRITTEN: ReadonlySet<ByteString> = new Set([LABELS, ".singularity.d/Singularity"]);
/** Only images of registries and the like have one. */
const IMAGE_ENVIRONMENT = ".singularity.d/env/10-docker2singularity.sh";

/** Reads what of the former container's files the new one's depend on. */
export async function localDescription(
  image: LocalImage,
  options: { readonly definition: Definition; readonly architecture: string; readonly timeSec: number },
): Promise<LocalDescription> {
  const { labels } = parseLabels(Buffer.from((await image.read(LABELS)) ?? Buffer.from("{}")).toString("latin1"));
  const texts = [...labels].map(([key, value]) => [displayBytes(key), displayBytes(value)]);
  const made = containerFiles({ ...options, config: configOf(Object.fromEntries(texts)) });
  const files = { ...made, entries: made.entries.filter(({ path }) => path !== IMAGE_ENVIRONMENT) };
  const keeps = (path: ByteString) => !ALWAYS_WRITTEN.has(path);
  return { files, keeps, metadata: await inspectMetadata(shownOver(files.entries, keeps, image)) };
}

/** What the files will hold: what is added is shown over what is there, but for what is kept. */
function shownOver(
  entries: readonly ContainerFile[],
  keeps: LocalDescription["keeps"],
  former: ContainerFileView,
): ContainerFileView {
  const contents = new Map(entries.map(({ path, content }) => [path, content]));
  return {
    async read(path) {
      const content = contents.get(path);
      return content !== undefined && !keeps(path) ? content : ((await former.read(path)) ?? content);
    },
    async list(folder) {
      const [added, there] = [namesBelow(contents.keys(), folder), await former.list(folder)];
      return added.length === 0 ? there : [...new Set([...(there ?? []), ...added])];
    },
  };
}

/** The definition of a container that is made from an image on this machine, as Apptainer words it. */
export function definitionOfLocalImage(path: string): Definition {
  return {
    text: `bootstrap: localimage\nfrom: ${path}\n\n`,
    keywords: [
      ["bootstrap", "localimage"],
      ["from", path],
    ],
  };
}

/** An image configuration that says nothing but labels. */
function configOf(labels: Readonly<Record<string, string>>): ImageConfig {
  return {
    ...{ created: undefined, architecture: "", os: "linux", variant: undefined, diffIds: [] },
    config: { Labels: labels },
  };
}
