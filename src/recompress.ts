import type { ConvertTuning } from "./convert.ts";
import type { OnProgress } from "./progress.ts";
import { grantedResources } from "./resources.ts";
import { SandboxError } from "./sandbox/errors.ts";
import { type LocalImageFile, openLocalImage } from "./sandbox/local-image.ts";
import { readImageTree } from "./sandbox/read-image-tree.ts";
import { SifArch } from "./sif/architecture.ts";
import { DataType } from "./sif/data-type.ts";
import { SifError } from "./sif/errors.ts";
import { findPrimaryPartition, type Link, type SifImage } from "./sif/image.ts";
import { streamObject } from "./sif/reader.ts";
import { SifWriter } from "./sif/writer.ts";
import type { Sink } from "./sink/sink.ts";
import { canAdopt } from "./squashfs/adopt-data.ts";
import { type SquashfsReport, SquashfsWriter } from "./squashfs/writer.ts";
import { loadCore } from "./wasm/core.ts";
import { createBlockEncoder } from "./wasm/create-block-encoder.ts";

/** What is written anew, and with which compressor. */
export interface RecompressOptions extends Pick<ConvertTuning, "compression" | "blockSize" | "workers"> {
  /** A SIF or a SquashFS file; what is written is of the same kind. */
  readonly path: string;
  /** Ended here: finished when all is well, else aborted, which leaves nothing behind. */
  readonly sink: Sink;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/** What was written. */
export interface RecompressReport {
  /** Inodes of the file system. */
  readonly fileCount: number;
  readonly size: number;
  /** Whether compressed blocks were taken over, as compressor and block size stay. */
  readonly adopted: boolean;
}

const DEFAULT_BLOCK_SIZE = 128 * 1024;

/**
 * Writes an image with another compressor or block size: the same files, and a SIF's other objects as they are.
 * Signatures are left out, with a warning: they sign the former bytes.
 *
 * Rejects with a `SifonError`, or the signal's reason; the sink is aborted then.
 */
export async function recompress(options: RecompressOptions): Promise<RecompressReport> {
  const { sink, path, signal, onProgress } = options;
  try {
    const image = await openLocalImage(path);
    let report: RecompressReport;
    try {
      report = await write(image.kind === "sandbox" ? refuseSandbox(path) : image, options);
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

function refuseSandbox(path: string): never {
  throw new SandboxError("NOT_AN_IMAGE", { source: path, seen: "a directory, which has no compressor" });
}

async function write(image: LocalImageFile, options: RecompressOptions): Promise<RecompressReport> {
  const { sink, blockSize = DEFAULT_BLOCK_SIZE, compression = { kind: "gzip", level: "default" } } = options;
  const adopted = canAdopt(image.squashfs, compression, blockSize);
  const { sif } = image;
  const fileSystem = (target: Sink) => writeSquashfs(image, target, { ...options, blockSize, compression, adopted });
  const { inodeCount } = sif === undefined ? await fileSystem(sink) : await writeSif(image, sif, options, fileSystem);
  return { fileCount: inodeCount, size: sink.position, adopted };
}

/** The objects in their order; IDs close up where signatures were, and links follow. */
async function writeSif(
  { access, path }: LocalImageFile,
  image: SifImage,
  { sink, onProgress, signal }: RecompressOptions,
  fileSystem: (partition: Sink) => Promise<SquashfsReport>,
): Promise<SquashfsReport> {
  const primary = findPrimaryPartition(image);
  if (primary === undefined) throw new SifError("PRIMARY_MISSING", { path });
  const kept = image.objects.filter(({ dataType }) => dataType !== DataType.signature);
  const dropped = image.objects.length - kept.length;
  if (dropped > 0) {
    const signatures = dropped === 1 ? "The signature is" : `The ${dropped} signatures are`;
    const message = `${signatures} not in the new image: what they sign are the bytes of the former one. Sign it again.`;
    onProgress?.({ kind: "warning", message });
  }
  const newIds = new Map(kept.map(({ id }, place) => [id, place + 1]));
  const linkOf = (link: Link): Link => {
    if (link.kind !== "object") return link;
    const id = newIds.get(link.id);
    return id === undefined ? { kind: "none" } : { kind: "object", id };
  };
  const { uuid, createdSec, launchScript, descriptorsTotal } = image.header;
  const writer = await SifWriter.begin(sink, {
    ...{ uuid, timeSec: createdSec, launchScript },
    descriptorCount: Math.max(descriptorsTotal, kept.length),
  });
  let report: SquashfsReport | undefined;
  for (const object of kept) {
    signal?.throwIfAborted();
    if (object === primary) {
      report = await fileSystem(await writer.beginPartition());
      await writer.endPartition(primary.extra.kind === "partition" ? primary.extra.arch : SifArch.unknown);
      continue;
    }
    const { dataType, name, group, extra } = object;
    await writer.add({ dataType, name, group, extra, link: linkOf(object.link) }, streamObject(access, object));
  }
  await writer.finish();
  return report as SquashfsReport;
}

async function writeSquashfs(
  { squashfs: source }: LocalImageFile,
  sink: Sink,
  options: RecompressOptions & Required<Pick<RecompressOptions, "blockSize" | "compression">> & { adopted: boolean },
): Promise<SquashfsReport> {
  const { blockSize, compression, adopted, signal, onProgress } = options;
  const watch = { ...(signal === undefined ? {} : { signal }), ...(onProgress === undefined ? {} : { onProgress }) };
  const core = loadCore({ blockSize });
  const workers = adopted ? 0 : (options.workers ?? grantedResources().cpus);
  const encoder = createBlockEncoder({ compression, blockSize, workers, core });
  try {
    const writer = new SquashfsWriter({ sink, encoder, core, compression, ...watch });
    const tree = adopted
      ? await writer.adoptWhile(source, (data) => readImageTree(source, (file) => data.add(file), watch))
      : await readImageTree(source, (file) => writer.contents.add(file.size, source.fileParts(file)), watch);
    return await writer.finish(tree, { mtimeSec: source.header.mtimeSec });
  } finally {
    await encoder.close();
  }
}
