import type { Watch } from "./build/container-source.ts";
import { planEncoding } from "./build/encoding.ts";
import { finishSink } from "./build/finish-sink.ts";
import { openLocalContainer } from "./build/local-container.ts";
import { checkRewriteSpace } from "./build/rewrite-space.ts";
import type { ConvertTuning } from "./build/tuning.ts";
import { type BaseTrust, verifyLocalImage } from "./build/verify-local-image.ts";
import { writeSif } from "./build/write-sif.ts";
import { withLocalImage } from "./image/local-image.ts";
import type { Sink } from "./sink/sink.ts";
import { canAdopt } from "./squashfs/adopt-data.ts";

/** What is built anew, and where to. */
export interface RebuildOptions extends ConvertTuning, BaseTrust, Partial<Watch> {
  /** A SIF, a SquashFS file or a sandbox on this machine. */
  readonly path: string;
  /** Ended by the build: finished when all is well, else aborted, which leaves nothing behind. */
  readonly sink: Sink;
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

/**
 * Builds a SIF from an image on this machine. Where compressor and block size are those of the image, its compressed
 * blocks are taken over without a look inside; else contents stream from one compressor to the other.
 *
 * Rejects with a `SifonError` of the stage that failed, or the signal's reason; the sink is aborted then.
 */
export async function rebuild(options: RebuildOptions): Promise<RebuildReport> {
  const { sink, path, signal = new AbortController().signal, onProgress = () => {} } = options;
  return finishSink(sink, options, () =>
    withLocalImage(path, async (image) => {
      await verifyLocalImage(image, [], { ...options, signal, onProgress });
      const encoding = planEncoding(options);
      const { compression, blockSize } = encoding;
      await checkRewriteSpace(image, {
        ...{ directory: sink.directory, onProgress, ignore: options.ignoreSpace, compression: compression.kind },
        adopted: image.kind !== "sandbox" && canAdopt(image.squashfs, compression, blockSize),
      });
      const container = await openLocalContainer(image, options);
      const { fileCount, size, adopted } = await writeSif(container, { sink, encoding, signal, onProgress });
      return { fileCount, size, adopted };
    }),
  );
}
