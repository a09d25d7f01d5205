import { hostArch } from "../bytes/architecture.ts";
import type { FsTree } from "../fstree/tree.ts";
import type { LayerStatistics } from "../layer/merge/contract.ts";
import type { OnProgress } from "../progress.ts";
import { archCode, SifArch } from "../sif/architecture.ts";
import { DataType } from "../sif/data-type.ts";
import { SifWriter } from "../sif/writer.ts";
import { findArchitecture } from "../singularity-d/survey.ts";
import type { Sink } from "../sink/sink.ts";
import { canAdopt } from "../squashfs/adopt-data.ts";
import type { ShareReport } from "../squashfs/share-ledger.ts";
import { SquashfsWriter } from "../squashfs/writer.ts";
import type { EncoderThreads } from "../wasm/encoder-threads.ts";
import type { ContainerSource, Watch } from "./container-source.ts";
import { type Encoding, type OpenEncoder, withEncoder } from "./encoding.ts";
import { squashfsTarget } from "./squashfs-target.ts";

export interface WriteSifOptions extends Watch {
  /** Empty; neither finished nor aborted here. */
  readonly sink: Sink;
  readonly encoding: Encoding;
  /** Threads to encode with, started before. */
  readonly threads?: EncoderThreads;
}

/** What became of a layer. */
export interface LayerReport extends LayerStatistics {
  /** Bytes of the kept files that the image had already: an equal file, or an equal end of one. */
  readonly bytesDuplicate: number;
  /** Bytes that the rest of them takes in the SIF, compressed. */
  readonly bytesStored: number;
}

/** What was written. */
export interface SifReport {
  /** Inodes of the container. */
  readonly fileCount: number;
  /** Bytes of the SIF. */
  readonly size: number;
  /** Whether compressed blocks of the container's source were taken over as they are. */
  readonly adopted: boolean;
  /** Of the image, lowest first. */
  readonly layers: readonly LayerReport[];
  /** Bytes of file contents that went in, holes and duplicates included. */
  readonly contentSize: number;
  /** Bytes of them that the image had already, in an equal file or an equal tail of one. */
  readonly duplicateSize: number;
}

/**
 * Writes the SIF of a container: definition, metadata, image config, partition. Where compressor and block size are
 * those of the container's source, its compressed blocks are taken over without a look inside.
 */
export async function writeSif(container: ContainerSource, options: WriteSifOptions): Promise<SifReport> {
  const { sink, onProgress } = options;
  const { compression, blockSize } = options.encoding;
  const { timeSec, compressed, ociConfigJson } = container;
  const sif = await SifWriter.begin(sink, { uuid: container.uuid, timeSec });
  await sif.add({ dataType: DataType.definition }, Buffer.from(container.definitionText));
  const foreseen = Buffer.from(container.foreseenMetadata);
  const metadataId = await sif.add({ dataType: DataType.genericJson, name: "inspect-metadata.json" }, foreseen);
  if (ociConfigJson !== undefined)
    await sif.add({ dataType: DataType.genericJson, name: "oci-config.json" }, ociConfigJson);

  const adopted = compressed !== undefined && canAdopt(compressed, compression, blockSize);
  const encoding = adopted && !container.addsFiles ? { ...options.encoding, workers: 0 } : options.encoding;
  const write = async (encoder: OpenEncoder): Promise<SifReport> => {
    const partition = await sif.beginPartition();
    const squashfs = new SquashfsWriter({ ...encoder, sink: partition, onProgress });
    const filled = await container.fill(squashfsTarget(squashfs, encoding, options, compressed));
    const written = await squashfs.finish(filled.tree, { mtimeSec: timeSec });
    const layers = filled.layers.map((layer, number) => withShare(layer, written.shares[number]));
    for (const { name, ...sizes } of layers) onProgress({ kind: "layer", digest: name, ...sizes });
    await sif.endPartition(container.arch || architectureOf(filled.tree, onProgress));
    // In place, unless the image has files of its own that are shown.
    await sif.replace(metadataId, Buffer.from(await filled.metadata(foreseen.length)));
    await sif.finish();
    const { inodeCount: fileCount, contentSize, duplicateSize } = written;
    return { fileCount, contentSize, duplicateSize, size: sink.position, adopted, layers };
  };
  return withEncoder(encoding, options.signal, write, options.threads);
}

function withShare(layer: LayerStatistics, share: ShareReport | undefined): LayerReport {
  return { ...layer, bytesDuplicate: share?.duplicateSize ?? 0, bytesStored: share?.storedSize ?? 0 };
}

/** The architecture of the programs inside, as Apptainer takes it; the host's where there are none. */
function architectureOf(tree: FsTree, onProgress: OnProgress): number {
  const found = findArchitecture(tree);
  if (found !== SifArch.unknown) return found;
  onProgress({ kind: "step", message: "Architecture not recognized, use native" });
  return archCode(hostArch());
}
