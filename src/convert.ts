import type { ByteString } from "./bytes/byte-string.ts";
import { clampMtimes, fixPermissions, ownByRoot } from "./fstree/adjust.ts";
import { countTree } from "./fstree/count.ts";
import type { InodeId } from "./fstree/inodes.ts";
import type { FsTree } from "./fstree/tree.ts";
import { walkPostOrder } from "./fstree/walk.ts";
import type { LayerStatistics } from "./layer/merge/contract.ts";
import { mergeLayers } from "./layer/merge/merge-layers.ts";
import { readLayerEntries } from "./layer/open-layer.ts";
import { planWorkers, withinMemory } from "./memory.ts";
import type { Image, ImageSource } from "./oci/image.ts";
import { formatPlatform } from "./oci/platform.ts";
import type { OnProgress } from "./progress.ts";
import { archCode, hostArch, SifArch } from "./sif/architecture.ts";
import { DataType } from "./sif/data-type.ts";
import { deriveUuid, imageTimeSec } from "./sif/identity.ts";
import { SifWriter } from "./sif/writer.ts";
import { type RecordedCounts, UNKNOWN_COUNTS, withBuildRecord } from "./singularity-d/build-record.ts";
import { isCapturedPath } from "./singularity-d/captured-paths.ts";
import { containerFiles } from "./singularity-d/container-files.ts";
import { definitionOfReference } from "./singularity-d/definition-text.ts";
import { inspectMetadata } from "./singularity-d/inspect-metadata.ts";
import { installSingularity } from "./singularity-d/install.ts";
import { findArchitecture, listApps } from "./singularity-d/survey.ts";
import type { Sink } from "./sink/sink.ts";
import { checkSpace } from "./space.ts";
import { DEFAULT_BLOCK_SIZE } from "./squashfs/format.ts";
import type { ShareReport } from "./squashfs/share-ledger.ts";
import { SquashfsWriter } from "./squashfs/writer.ts";
import { VERSION } from "./version.ts";
import type { Compression } from "./wasm/compression.ts";
import { loadCore } from "./wasm/core.ts";
import { createBlockEncoder } from "./wasm/create-block-encoder.ts";

/** What may be chosen about a conversion; the defaults are what Apptainer does. */
export interface ConvertTuning {
  /** Default gzip at level "default": at most the size of zlib's level 9. */
  readonly compression?: Compression;
  /** Bytes; a power of two, 4 KiB to 1 MiB; default 128 KiB. */
  readonly blockSize?: number;
  /** Threads that compress; 0 compresses in the calling thread. Default: the CPUs that cgroup and affinity grant. */
  readonly workers?: number;
  /**
   * Bytes that the process may have resident, the tree of files included; default: what its control group
   * allows. Fewer workers are started to stay within it, and an image whose tree goes beyond it is refused.
   */
  readonly memory?: number;
  /** Lets 0:0 own every file. */
  readonly allRoot?: boolean;
  /** Lets the owner read, write and enter everything; set-id and sticky bits are lost. */
  readonly fixPermissions?: boolean;
  /** Begins even where the image will hardly fit; without it that is `SinkError` SPACE_TOO_SMALL. */
  readonly ignoreSpace?: boolean;
}

export interface ConvertOptions extends ConvertTuning {
  /** Stays open: its owner closes it. */
  readonly source: ImageSource;
  /** Ended by the conversion: finished when all is well, else aborted, which leaves nothing behind. */
  readonly sink: Sink;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
  /** Seconds since 1970 as text, as the variable SOURCE_DATE_EPOCH has it: image time, and the latest file time. */
  readonly sourceDateEpoch?: string | undefined;
}

/** What became of a layer. */
export interface LayerReport extends LayerStatistics {
  /** Bytes of the kept files that the image had already: an equal file, or an equal end of one. */
  readonly bytesDuplicate: number;
  /** Bytes that the rest of them takes in the SIF, compressed. */
  readonly bytesStored: number;
}

/** What was made of what. */
export interface ConvertReport {
  readonly reference: string;
  readonly manifestDigest: string;
  /** Lowest layer first; sizes are bytes of file contents. */
  readonly layers: readonly LayerReport[];
  /** Inodes of the image, the container's own files included. */
  readonly fileCount: number;
  /** Bytes of file contents that went in, holes and duplicates included. */
  readonly contentSize: number;
  /** Bytes of them that the image had already, in an equal file or an equal tail of one. */
  readonly duplicateSize: number;
  /** Bytes of the SIF. */
  readonly size: number;
}

/**
 * Converts an image into a SIF, in one pass from the source's sockets to the sink.
 *
 * Rejects with a `SifonError` of the stage that failed, or the signal's reason; the sink is aborted then.
 */
export async function convert(options: ConvertOptions): Promise<ConvertReport> {
  const { sink } = options;
  try {
    const report = await writeSif(options);
    options.signal?.throwIfAborted();
    await sink.finish({ signal: options.signal });
    options.onProgress?.({ kind: "done", fileCount: report.fileCount, size: report.size });
    return report;
  } catch (error) {
    await sink.abort(error);
    throw error;
  }
}

async function writeSif(options: ConvertOptions): Promise<ConvertReport> {
  const { source, sink, onProgress = () => {}, blockSize = DEFAULT_BLOCK_SIZE } = options;
  const { compression = { kind: "gzip", level: "default" }, memory } = options;
  const workers = planWorkers({ workers: options.workers, memory, blockSize, compression });
  const signal = options.signal ?? new AbortController().signal;

  // A wrong SOURCE_DATE_EPOCH is told before anything is fetched.
  imageTimeSec(undefined, options.sourceDateEpoch);
  onProgress({ kind: "stage", stage: "fetch" });
  const image = await source.resolve({ signal });
  announce(image, onProgress);
  await checkSpace({
    layers: image.layers.map(({ descriptor }) => descriptor),
    compression: compression.kind,
    directory: sink.directory,
    sideCopy: image.sideCopy,
    ignore: options.ignoreSpace === true,
    onProgress,
  });

  const timeSec = imageTimeSec(image.config.created, options.sourceDateEpoch);
  const files = containerFiles({
    config: image.config,
    definition: definitionOfReference(image.reference),
    architecture: image.platform.architecture,
    timeSec,
    sourceDigest: image.manifestDigest,
  });
  const sif = await SifWriter.begin(sink, { uuid: deriveUuid(image.configDescriptor.digest), timeSec });
  await sif.add({ dataType: DataType.definition }, Buffer.from(files.definitionText));
  const foreseen = Buffer.from(recorded(inspectMetadata(files, new Map(), []), image, UNKNOWN_COUNTS));
  const metadataId = await sif.add({ dataType: DataType.genericJson, name: "inspect-metadata.json" }, foreseen);
  await sif.add({ dataType: DataType.genericJson, name: "oci-config.json" }, Buffer.from(files.ociConfigJson));

  const core = loadCore({ blockSize });
  const encoder = createBlockEncoder({ compression, blockSize, workers, core });
  try {
    const partition = await sif.beginPartition();
    const squashfs = new SquashfsWriter({ sink: partition, encoder, core, compression, signal, onProgress });
    onProgress({ kind: "stage", stage: "merge" });
    const merged = await mergeLayers(
      image.layers.map((layer, number) => ({
        name: layer.descriptor.digest,
        entries: () => {
          squashfs.beginShare(number);
          return withinMemory(readLayerEntries(layer, { signal, onProgress }), memory);
        },
      })),
      { contents: squashfs.contents, signal, onProgress, implicitMtimeSec: timeSec, capture: isCapturedPath },
    );
    const { tree } = merged;

    onProgress({ kind: "stage", stage: "configure" });
    squashfs.beginShare(image.layers.length);
    await installSingularity(tree, files, { contents: squashfs.contents, mtimeSec: timeSec });
    if (options.allRoot === true) ownByRoot(tree.inodes);
    if (options.fixPermissions === true) fixPermissions(tree.inodes);
    if (options.sourceDateEpoch) clampMtimes(tree.inodes, timeSec);

    const { inodeCount, contentSize, duplicateSize, shares } = await squashfs.finish(tree, { mtimeSec: timeSec });
    const layers = merged.layers.map((layer, number) => withShare(layer, shares[number]));
    for (const { name, ...sizes } of layers) onProgress({ kind: "layer", digest: name, ...sizes });
    await sif.endPartition(architectureOf(tree, onProgress));
    const metadata = inspectMetadata(files, byPath(tree, merged.captured), listApps(tree));
    // In place, unless the image has files of its own that are shown.
    await sif.replace(metadataId, Buffer.from(recorded(metadata, image, countTree(tree), foreseen.length)));
    await sif.finish();
    return {
      reference: image.reference,
      manifestDigest: image.manifestDigest,
      layers,
      fileCount: inodeCount,
      contentSize,
      duplicateSize,
      size: sink.position,
    };
  } finally {
    await encoder.close();
  }
}

/** The metadata with the record of this build, which `verify --content` compares the file with. */
function recorded(metadata: string, image: Image, counts: RecordedCounts, size?: number): string {
  const record = {
    version: VERSION,
    manifest: image.manifestDigest,
    config: image.configDescriptor.digest,
    layers: image.layers.map(({ diffId, descriptor }) => diffId ?? descriptor.digest),
    counts,
  };
  return withBuildRecord(metadata, record, size);
}

function withShare(layer: LayerStatistics, share: ShareReport | undefined): LayerReport {
  return { ...layer, bytesDuplicate: share?.duplicateSize ?? 0, bytesStored: share?.storedSize ?? 0 };
}

/** Tells of the image that a source has found. */
export function announce(image: Image, onProgress: OnProgress): void {
  onProgress({
    kind: "image",
    reference: image.reference,
    digest: image.manifestDigest,
    platform: formatPlatform(image.platform),
    layerCount: image.layers.length,
    compressedSize: image.layers.reduce((sum, layer) => sum + layer.descriptor.size, 0),
  });
}

/** The architecture of the programs inside, as Apptainer takes it; the host's where there are none. */
function architectureOf(tree: FsTree, onProgress: OnProgress): number {
  const found = findArchitecture(tree);
  if (found !== SifArch.unknown) return found;
  onProgress({ kind: "warning", message: "Architecture not recognized, use native" });
  return archCode(hostArch());
}

/** Names the captured inodes; of a file with several names each one counts. */
function byPath(tree: FsTree, captured: ReadonlyMap<InodeId, Uint8Array>): Map<ByteString, Uint8Array> {
  const found = new Map<ByteString, Uint8Array>();
  if (captured.size === 0) return found;
  for (const node of walkPostOrder(tree)) {
    const content = captured.get(tree.inode(node));
    const path = content === undefined ? "" : tree.path(node);
    if (content !== undefined && isCapturedPath(path)) found.set(path, content);
  }
  return found;
}
