import type { ByteString } from "../bytes/byte-string.ts";
import { parseJson } from "../bytes/parse-json.ts";
import type { LocalImage } from "../image/local-image.ts";
import type { ImageConfig } from "../oci/config.ts";
import { isCapturedPath } from "../singularity-d/captured-paths.ts";
import { type ContainerFiles, containerFiles } from "../singularity-d/container-files.ts";
import type { Definition } from "../singularity-d/definition-text.ts";
import { inspectMetadata } from "../singularity-d/inspect-metadata.ts";

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
  const labels = parseLabels(await image.read(LABELS));
  const made = containerFiles({ ...options, config: configOf(labels) });
  const files = { ...made, entries: made.entries.filter(({ path }) => path !== IMAGE_ENVIRONMENT) };
  const keeps = (path: ByteString) => !ALWAYS_WRITTEN.has(path);
  // What metadata say is what the files will hold.
  const entries = [];
  for (const file of files.entries) {
    const former = keeps(file.path) ? await image.read(file.path) : undefined;
    entries.push(former === undefined ? file : { ...file, content: former });
  }
  const { captured, apps } = await capture(image);
  return { files, keeps, metadata: inspectMetadata({ ...files, entries }, captured, apps) };
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

async function capture(
  image: LocalImage,
): Promise<{ readonly captured: Map<ByteString, Uint8Array>; readonly apps: ByteString[] }> {
  const captured = new Map<ByteString, Uint8Array>();
  const apps: ByteString[] = [];
  const take = async (folder: ByteString): Promise<boolean> => {
    const names = await image.list(folder);
    for (const name of names ?? []) {
      const path = `${folder}/${name}`;
      const content = isCapturedPath(path) ? await image.read(path) : undefined;
      if (content !== undefined) captured.set(path, content);
    }
    return names !== undefined;
  };
  for (const folder of [".singularity.d", ".singularity.d/env"]) await take(folder);
  for (const app of (await image.list("scif/apps")) ?? []) {
    const isApp = await take(`scif/apps/${app}/scif`);
    if (!isApp || app.startsWith(".")) continue;
    apps.push(app);
    await take(`scif/apps/${app}/scif/env`);
  }
  return { captured, apps };
}

/** An image configuration that says nothing but labels. */
function configOf(labels: Readonly<Record<string, string>>): ImageConfig {
  return {
    ...{ created: undefined, architecture: "", os: "linux", variant: undefined, diffIds: [] },
    config: { Labels: labels },
  };
}

/** None where the file is no JSON object of texts. */
function parseLabels(content: Uint8Array | undefined): Record<string, string> {
  try {
    const parsed: unknown = parseJson(Buffer.from(content ?? []).toString("utf8"));
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return {};
    return Object.fromEntries(
      Object.entries(parsed).filter((label): label is [string, string] => typeof label[1] === "string"),
    );
  } catch {
    return {};
  }
}
