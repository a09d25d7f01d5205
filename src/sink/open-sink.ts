import { createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { type FileOwner, FileSink } from "./file-sink.ts";
import { openStdout, type StdoutOptions } from "./open-stdout.ts";
import { PipeSink } from "./pipe-sink.ts";
import type { Sink } from "./sink.ts";

/** How an output is opened. */
export interface OpenSinkOptions extends Omit<StdoutOptions, "fd"> {
  /** Replace an ordinary file of that name. */
  readonly overwrite?: boolean;
  /** Whom an ordinary file is given to. */
  readonly owner?: FileOwner | undefined;
}

/**
 * The sink for an output as a command line names it: `-` is the standard output; a named pipe or a device
 * is fed through a spool; anything else is a file that appears once it is whole.
 * @throws SinkError OUTPUT_EXISTS, OUTPUT_IS_DIRECTORY, OUTPUT_IS_TERMINAL, OPEN_FAILED, DISK_FULL
 */
export async function openSink(path: string, options: OpenSinkOptions = {}): Promise<Sink> {
  if (path === "-") return openStdout(options);
  const there = await stat(path).catch(() => undefined);
  if (there?.isFIFO() || there?.isCharacterDevice())
    return PipeSink.open({ ...options, destination: createWriteStream(path, { flags: "w" }), name: `"${path}"` });
  return FileSink.open(path, options);
}
