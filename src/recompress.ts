import type { Watch } from "./build/container-source.ts";
import { planEncoding, withEncoder } from "./build/encoding.ts";
import { finishSink } from "./build/finish-sink.ts";
import { readLocalTree } from "./build/local-container.ts";
import { checkRewriteSpace } from "./build/rewrite-space.ts";
import { squashfsTarget } from "./build/squashfs-target.ts";
import type { ConvertTuning } from "./build/tuning.ts";
import { ImageFileError } from "./image/errors.ts";
import { type LocalImageFile, withLocalImage } from "./image/local-image.ts";
import { SifArch } from "./sif/architecture.ts";
import { DataType } from "./sif/data-type.ts";
import { SifError } from "./sif/errors.ts";
import { findPrimaryPartition, type Link, type SifImage } from "./sif/image.ts";
import { MAX_LAUNCH_SCRIPT } from "./sif/layout.ts";
import { streamObject } from "./sif/reader.ts";
import { SifWriter } from "./sif/writer.ts";
import type { Sink } from "./sink/sink.ts";
import { canAdopt } from "./squashfs/adopt-data.ts";
import { type SquashfsReport, SquashfsWriter } from "./squashfs/writer.ts";

/** What is written anew, and with which compressor. */
export interface RecompressOptions
  extends Pick<ConvertTuning, "compression" | "blockSize" | "workers" | "memory" | "ignoreSpace">,
    Partial<Watch> {
  /** A SIF or a SquashFS file; what is written is of the same kind. */
  readonly path: string;
  /** Ended here: finished when all is well, else aborted, which leaves nothing behind. */
  readonly sink: Sink;
}

/** What was written. */
export interface RecompressReport {
  /** Inodes of the file system. */
  readonly fileCount: number;
  readonly size: number;
  /** Whether compressed blocks were taken over, as compressor and block size stay. */
  readonly adopted: boolean;
}

/**
 * Writes an image with another compressor or block size: the same files, and a SIF's other objects as they are.
 * Signatures are left out, with a warning: they sign the former bytes.
 *
 * Rejects with a `SifonError`, or the signal's reason; the sink is aborted then.
 */
export async function recompress(options: RecompressOptions): Promise<RecompressReport> {
  const { sink, path } = options;
  return finishSink(sink, options, () =>
    withLocalImage(path, (image) => write(image.kind === "sandbox" ? refuseSandbox(path) : image, options)),
  );
}

function refuseSandbox(path: string): never {
  throw new ImageFileError("IMAGE_UNREADABLE", { path, problem: "it is a directory, which has no compressor" });
}

async function write(image: LocalImageFile, options: RecompressOptions): Promise<RecompressReport> {
  const { sink, signal = new AbortController().signal, onProgress = () => {} } = options;
  const planned = planEncoding(options);
  const adopted = canAdopt(image.squashfs, planned.compression, planned.blockSize);
  const encoding = adopted ? { ...planned, workers: 0 } : planned;
  await checkRewriteSpace(image, {
    ...{ directory: sink.directory, onProgress, ignore: options.ignoreSpace, adopted },
    compression: planned.compression.kind,
  });
  const { sif } = image;
  const fileSystem = (target: Sink) =>
    withEncoder(encoding, signal, async (encoder) => {
      const writer = new SquashfsWriter({ ...encoder, sink: target, onProgress });
      const tree = await readLocalTree(image, squashfsTarget(writer, encoding, { signal, onProgress }, image.squashfs));
      return writer.finish(tree, { mtimeSec: image.squashfs.header.mtimeSec });
    });
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
    ...{ uuid, timeSec: createdSec },
    // One that is no text of its length is damage, which any other reader passes over.
    ...(Buffer.byteLength(launchScript) > MAX_LAUNCH_SCRIPT ? {} : { launchScript }),
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
