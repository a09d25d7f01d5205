import { createHash } from "node:crypto";
import type { ConvertTuning } from "./convert.ts";
import { clampMtimes, fixPermissions, ownByRoot } from "./fstree/adjust.ts";
import type { FsTree } from "./fstree/tree.ts";
import type { OnProgress } from "./progress.ts";
import { grantedResources } from "./resources.ts";
import { imageArchitecture } from "./sandbox/image-architecture.ts";
import { definitionOfLocalImage, type LocalContainer, localContainer } from "./sandbox/local-container.ts";
import { type LocalImage, openLocalImage } from "./sandbox/local-image.ts";
import { readDirectoryTree } from "./sandbox/read-directory-tree.ts";
import { readImageTree } from "./sandbox/read-image-tree.ts";
import { archCode, archName, hostArch, SifArch } from "./sif/architecture.ts";
import { DataType } from "./sif/data-type.ts";
import { deriveUuid, formatUuid, imageTimeSec } from "./sif/identity.ts";
import { SifWriter } from "./sif/writer.ts";
import { installSingularity } from "./singularity-d/install.ts";
import { findArchitecture } from "./singularity-d/survey.ts";
import type { Sink } from "./sink/sink.ts";
import { canAdopt } from "./squashfs/adopt-data.ts";
import { SquashfsWriter } from "./squashfs/writer.ts";
import { loadCore } from "./wasm/core.ts";
import { createBlockEncoder } from "./wasm/create-block-encoder.ts";

export interface RebuildOptions extends ConvertTuning {
  /** A SIF, a SquashFS file or a sandbox on this machine. */
  readonly path: string;
  /** Ended by the build: finished when all is well, else aborted, which leaves nothing behind. */
  readonly sink: Sink;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  /** Seconds since 1970 as text, as the variable SOURCE_DATE_EPOCH has it: image time, and the latest file time. */
  readonly sourceDateEpoch?: string | undefined;
}

/** What was made. */
export interface RebuildReport {
  /** Inodes of the container. */
  readonly fileCount: number;
  /** Bytes of the SIF. */
  readonly size: number;
  /** Whether compressed blocks were taken over as they are. */
  readonly adopted: boolean;
}

const DEFAULT_BLOCK_SIZE = 128 * 1024;

/**
 * Builds a SIF from an image on this machine. Where compressor and block size are those of the image, its compressed
 * blocks are taken over without a look inside; else contents stream from one compressor to the other.
 *
 * Rejects with a `SifonError` of the stage that failed, or the signal's reason; the sink is aborted then.
 */
export async function rebuild(options: RebuildOptions): Promise<RebuildReport> {
  const { sink, path, signal, onProgress } = options;
  try {
    const image = await openLocalImage(path);
    let report: RebuildReport;
    try {
      report = await writeSif(image, options);
    } finally {
      await image.close();
    }
    signal?.throwIfAborted();
    await sink.finish({ signal });
    onProgress?.({ kind: "done", fileCount: report.fileCount, size: report.size });
    return report;
  } catch (error) {
    await sink.abort(error);
    throw error;
  }
}

async function writeSif(image: LocalImage, options: RebuildOptions): Promise<RebuildReport> {
  const { sink, signal, onProgress, blockSize = DEFAULT_BLOCK_SIZE } = options;
  const { compression = { kind: "gzip", level: "default" } } = options;
  const watch = { ...(signal === undefined ? {} : { signal }), ...(onProgress === undefined ? {} : { onProgress }) };

  const timeSec = localTimeSec(image, options.sourceDateEpoch);
  const arch = image.kind === "sandbox" ? SifArch.unknown : await imageArchitecture(image);
  const container = await describeLocal(image, { timeSec, arch });
  const sif = await SifWriter.begin(sink, { uuid: localUuid(image, timeSec), timeSec });
  await sif.add({ dataType: DataType.definition }, Buffer.from(container.files.definitionText));
  await sif.add({ dataType: DataType.genericJson, name: "inspect-metadata.json" }, Buffer.from(container.metadata));
  if (image.kind !== "sandbox" && image.ociConfigJson !== undefined)
    await sif.add({ dataType: DataType.genericJson, name: "oci-config.json" }, image.ociConfigJson);

  const adopted = image.kind !== "sandbox" && canAdopt(image.squashfs, compression, blockSize);
  // What is taken over leaves threads nothing to do but start.
  const workers = adopted ? 0 : (options.workers ?? grantedResources().cpus);
  const core = loadCore({ blockSize });
  const encoder = createBlockEncoder({ compression, blockSize, workers, core });
  try {
    const partition = await sif.beginPartition();
    const squashfs = new SquashfsWriter({ sink: partition, encoder, core, compression, ...watch });
    const { contents } = squashfs;
    onProgress?.({ kind: "stage", stage: "merge" });
    const tree = await (async () => {
      if (image.kind === "sandbox") return readDirectoryTree(image.path, { contents, ...watch });
      const source = image.squashfs;
      if (!adopted) return readImageTree(source, (file) => contents.add(file.size, source.fileParts(file)), watch);
      return squashfs.adoptWhile(source, (data) => readImageTree(source, (file) => data.add(file), watch));
    })();

    onProgress?.({ kind: "stage", stage: "configure" });
    await installSingularity(tree, container.files, { contents, mtimeSec: timeSec, keeps: container.keeps });
    adjustTree(tree, image, options, timeSec);
    const { inodeCount } = await squashfs.finish(tree, { mtimeSec: timeSec });
    await sif.endPartition(arch || findArchitecture(tree) || nativeArch(onProgress));
    await sif.finish();
    return { fileCount: inodeCount, size: sink.position, adopted };
  } finally {
    await encoder.close();
  }
}

/** What a container made from a local image says of itself. */
export function describeLocal(
  image: LocalImage,
  { timeSec, arch }: { readonly timeSec: number; readonly arch: number },
): Promise<LocalContainer> {
  return localContainer(image, {
    definition: definitionOfLocalImage(image.path),
    architecture: arch === SifArch.unknown ? hostArch() : archName(arch),
    timeSec,
  });
}

/** Owners, modes and times as asked for. */
export function adjustTree(
  tree: FsTree,
  image: LocalImage,
  {
    allRoot,
    fixPermissions: fix,
    sourceDateEpoch,
  }: Pick<RebuildOptions, "allRoot" | "fixPermissions" | "sourceDateEpoch">,
  timeSec: number,
): void {
  // A user's sandbox has the user's files, whoever owned them in the image: as Apptainer, root owns them in the SIF.
  const isUsers = image.kind === "sandbox" && process.geteuid?.() !== 0;
  if (allRoot === true || isUsers) ownByRoot(tree.inodes);
  if (fix === true) fixPermissions(tree.inodes);
  if (sourceDateEpoch) clampMtimes(tree.inodes, timeSec);
}

/** The image's own time, so that one image gives one SIF; a sandbox, which changes, has the present. */
export function localTimeSec(image: LocalImage, sourceDateEpoch: string | undefined): number {
  if (sourceDateEpoch) return imageTimeSec(undefined, sourceDateEpoch);
  if (image.kind === "sandbox") return Math.floor(Date.now() / 1000);
  const seconds = image.sif?.header.createdSec ?? image.squashfs.header.mtimeSec;
  return Math.min(Math.max(seconds, 0), 0xffff_ffff);
}

function localUuid(image: LocalImage, timeSec: number): Uint8Array {
  if (image.kind !== "sandbox" && image.sif !== undefined)
    return deriveUuid(`${formatUuid(image.sif.header.uuid)} ${image.path}`);
  const identity = image.kind === "sandbox" ? `${timeSec}` : JSON.stringify(image.squashfs.header);
  return deriveUuid(createHash("sha256").update(`${image.path} ${identity}`).digest("hex"));
}

function nativeArch(onProgress: OnProgress | undefined): number {
  onProgress?.({ kind: "warning", message: "Architecture not recognized, use native" });
  return archCode(hostArch());
}
