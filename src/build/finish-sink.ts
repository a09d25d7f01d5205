import type { OnProgress } from "../progress.ts";
import type { Sink } from "../sink/sink.ts";

/** What any job that fills a sink tells in the end. */
interface Written {
  readonly fileCount: number;
  readonly size: number;
}

/** Runs `write` and finishes the sink; where either fails the sink is aborted, which leaves nothing behind. */
export async function finishSink<T extends Written>(
  sink: Sink,
  { signal, onProgress }: { readonly signal?: AbortSignal | undefined; readonly onProgress?: OnProgress | undefined },
  write: () => Promise<T>,
): Promise<T> {
  try {
    const report = await write();
    signal?.throwIfAborted();
    await sink.finish({ signal });
    onProgress?.({ kind: "done", fileCount: report.fileCount, size: report.size });
    return report;
  } catch (error) {
    await sink.abort(error);
    throw error;
  }
}
