import { announce, type ConvertTuning } from "./convert.ts";
import { clampMtimes, fixPermissions, ownByRoot } from "./fstree/adjust.ts";
import { mergeLayers } from "./layer/merge/merge-layers.ts";
import { readLayerEntries } from "./layer/open-layer.ts";
import type { ImageSource } from "./oci/image.ts";
import type { OnProgress } from "./progress.ts";
import { adjustTree, describeLocal, localTimeSec } from "./rebuild.ts";
import { imageArchitecture } from "./sandbox/image-architecture.ts";
import { openLocalImage } from "./sandbox/local-image.ts";
import { readDirectoryTree } from "./sandbox/read-directory-tree.ts";
import { readImageTree } from "./sandbox/read-image-tree.ts";
import { SandboxWriter } from "./sandbox/sandbox-writer.ts";
import { SifArch } from "./sif/architecture.ts";
import { imageTimeSec } from "./sif/identity.ts";
import { containerFiles } from "./singularity-d/container-files.ts";
import { definitionOfReference } from "./singularity-d/definition-text.ts";
import { installSingularity } from "./singularity-d/install.ts";

/** Where a sandbox comes from: an image source, which stays open, or the path of an image on this machine. */
export type SandboxSource = { readonly source: ImageSource } | { readonly path: string };

/** What becomes a sandbox, and where. */
export interface BuildSandboxOptions extends Pick<ConvertTuning, "allRoot" | "fixPermissions"> {
  readonly from: SandboxSource;
  /** Appears when it is whole. */
  readonly directory: string;
  /** Replace what has that name. */
  readonly overwrite?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  /** Seconds since 1970 as text, as the variable SOURCE_DATE_EPOCH has it: time of what is added, and the latest file time. */
  readonly sourceDateEpoch?: string | undefined;
}

/** What was written. */
export interface BuildSandboxReport {
  /** Inodes of the container. */
  readonly fileCount: number;
}

/**
 * Builds a sandbox, a container as a plain directory, straight from the pipe: each content is written once, and gets
 * its name when the tree is known. Owners, devices and some attributes need root; what cannot be kept is told.
 *
 * Rejects with a `SifonError` of the stage that failed, or the signal's reason, and leaves nothing behind.
 */
export async function buildSandbox(options: BuildSandboxOptions): Promise<BuildSandboxReport> {
  const { directory, overwrite = false, from, onProgress } = options;
  const writer = await SandboxWriter.open(directory, { overwrite, ...watchOf(options) });
  try {
    const { tree } =
      "path" in from ? await localTree(from.path, writer, options) : await layersTree(from.source, writer, options);
    onProgress?.({ kind: "stage", stage: "tables" });
    const { inodeCount } = await writer.finish(tree);
    onProgress?.({ kind: "done", fileCount: inodeCount, size: 0 });
    return { fileCount: inodeCount };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function layersTree(source: ImageSource, { contents }: SandboxWriter, options: BuildSandboxOptions) {
  const { onProgress = () => {}, sourceDateEpoch } = options;
  const signal = options.signal ?? new AbortController().signal;
  imageTimeSec(undefined, sourceDateEpoch);
  onProgress({ kind: "stage", stage: "fetch" });
  const image = await source.resolve({ signal });
  announce(image, onProgress);
  const timeSec = imageTimeSec(image.config.created, sourceDateEpoch);
  const files = containerFiles({
    config: image.config,
    definition: definitionOfReference(image.reference),
    architecture: image.platform.architecture,
    timeSec,
    sourceDigest: image.manifestDigest,
  });
  onProgress({ kind: "stage", stage: "merge" });
  const layers = image.layers.map((layer) => ({
    name: layer.descriptor.digest,
    entries: () => readLayerEntries(layer, { signal, onProgress }),
  }));
  const { tree } = await mergeLayers(layers, { contents, signal, onProgress, implicitMtimeSec: timeSec });
  onProgress({ kind: "stage", stage: "configure" });
  await installSingularity(tree, files, { contents, mtimeSec: timeSec });
  if (options.allRoot === true) ownByRoot(tree.inodes);
  if (options.fixPermissions === true) fixPermissions(tree.inodes);
  if (sourceDateEpoch) clampMtimes(tree.inodes, timeSec);
  return { tree };
}

async function localTree(path: string, { contents }: SandboxWriter, options: BuildSandboxOptions) {
  const { onProgress } = options;
  const image = await openLocalImage(path);
  try {
    const watch = watchOf(options);
    const timeSec = localTimeSec(image, options.sourceDateEpoch);
    const arch = image.kind === "sandbox" ? SifArch.unknown : await imageArchitecture(image);
    const { files, keeps } = await describeLocal(image, { timeSec, arch });
    onProgress?.({ kind: "stage", stage: "merge" });
    const tree =
      image.kind === "sandbox"
        ? await readDirectoryTree(image.path, { contents, ...watch })
        : await readImageTree(
            image.squashfs,
            (file) => contents.add(file.size, image.squashfs.fileParts(file, watch)),
            watch,
          );
    onProgress?.({ kind: "stage", stage: "configure" });
    await installSingularity(tree, files, { contents, mtimeSec: timeSec, keeps });
    // Files keep the owners they have; in a sandbox that is a user's own they are the user's anyway.
    adjustTree(tree, image, options, timeSec);
    return { tree };
  } finally {
    await image.close();
  }
}

function watchOf({ signal, onProgress }: BuildSandboxOptions): { signal?: AbortSignal; onProgress?: OnProgress } {
  return { ...(signal === undefined ? {} : { signal }), ...(onProgress === undefined ? {} : { onProgress }) };
}
