import { availableParallelism } from "node:os";
import type { Watch } from "./build/container-source.ts";
import { planEncoding } from "./build/encoding.ts";
import { finishSink } from "./build/finish-sink.ts";
import { openOciContainer } from "./build/oci-container.ts";
import type { ConvertTuning } from "./build/tuning.ts";
import { type LayerReport, writeSif } from "./build/write-sif.ts";
import type { ImageSource } from "./oci/image.ts";
import type { Sink } from "./sink/sink.ts";
import { EncoderThreads } from "./wasm/encoder-threads.ts";

/** Stored bytes of an image that is compressed before threads have started. */
const TINY_SIZE = 256 * 1024;

/** What is converted, and where to. */
export interface ConvertOptions extends ConvertTuning, Partial<Watch> {
  /** Stays open: its owner closes it. */
  readonly source: ImageSource;
  /** Ended by the conversion: finished when all is well, else aborted, which leaves nothing behind. */
  readonly sink: Sink;
  /** Seconds since 1970 as text, as the variable SOURCE_DATE_EPOCH has it: image time, and the latest file time. */
  readonly sourceDateEpoch?: string | undefined;
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
  const { source, sink, ignoreSpace = false } = options;
  const { signal = new AbortController().signal, onProgress = () => {} } = options;
  return finishSink(sink, options, async () => {
    const encoding = planEncoding(options);
    const { directory } = sink;
    const space = { compression: encoding.compression.kind, directory, ignore: ignoreSpace };
    const threads = new EncoderThreads(Math.min(encoding.workers, availableParallelism()));
    try {
      const container = await openOciContainer(source, { ...options, signal, onProgress, space });
      const { reference, manifestDigest, layers } = container.image;
      if (layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0) < TINY_SIZE) await threads.close();
      else threads.begin();
      const { adopted: _, ...written } = await writeSif(container, { sink, encoding, threads, signal, onProgress });
      return { reference, manifestDigest, ...written };
    } finally {
      await threads.close();
    }
  });
}
