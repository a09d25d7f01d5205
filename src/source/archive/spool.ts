import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { untilAborted } from "../../bytes/read-whole.ts";
import { systemReason } from "../../bytes/system-reason.ts";
import { openUnlinkedFile } from "../../bytes/unlinked-file.ts";
import type { OnProgress } from "../../progress.ts";
import { SourceError } from "../errors.ts";

export interface SpoolOptions {
  /** What is spooled, for the event and messages. */
  readonly what: string;
  /** Where; the system's folder for temporary files by default. */
  readonly directory: string | undefined;
  readonly onProgress: OnProgress | undefined;
  readonly signal: AbortSignal;
}

/**
 * Keeps a stream that comes but once, as it comes (compressed stays compressed), in a file that has no name
 * any more: whatever ends the process frees the space. The order of an image archive demands all of it, for
 * what says how layers follow each other stands at its end.
 *
 * Throws `SourceError` SPOOL_FAILED, and what the stream throws.
 */
export async function spoolStream(stream: AsyncIterable<Uint8Array>, options: SpoolOptions): Promise<FileHandle> {
  const { what, directory = tmpdir(), onProgress, signal } = options;
  const fail = (cause: NodeJS.ErrnoException, size: number) =>
    new SourceError("SPOOL_FAILED", { what, directory, size, problem: systemReason(cause), cause });
  const file = await openUnlinkedFile(directory).catch((cause) => {
    throw fail(cause, 0);
  });
  try {
    onProgress?.({ kind: "spool", what, path: directory });
    let size = 0;
    for await (const chunk of untilAborted(stream, signal)) {
      for (let written = 0; written < chunk.length; ) {
        const { bytesWritten } = await file.write(chunk, written, chunk.length - written).catch((cause) => {
          throw fail(cause, size);
        });
        written += bytesWritten;
        size += bytesWritten;
      }
    }
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
