import type { Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { openStream } from "../../bytes/open-stream.ts";
import type { SourceOptions } from "../options.ts";
import { type ArchiveFile, openArchiveFile, openArchiveHandle } from "./archive-file.ts";
import { spoolStream } from "./spool.ts";

/** An archive as a URI names it. */
export interface ArchiveLocation {
  readonly path: string;
  /** What stands behind the path's colon. */
  readonly name: string | undefined;
}

/** An open archive, and what is left of the name. */
export interface OpenedArchive {
  readonly archive: ArchiveFile;
  readonly name: string | undefined;
}

/**
 * Opens the archive at a path; `-` is standard input, which is spooled, as is a pipe. A colon may belong to the path:
 * `f:x.tar` is the file `f:x.tar` if there is one and no `f`.
 */
export async function openArchive(
  uri: string,
  { path, name }: ArchiveLocation,
  { spoolDirectory, onProgress, stdin = process.stdin }: SourceOptions,
  signal: AbortSignal,
): Promise<OpenedArchive> {
  const spooled = async (stream: AsyncIterable<Uint8Array>, what: string) => {
    const file = await spoolStream(stream, { what, directory: spoolDirectory, onProgress, signal });
    return openArchiveHandle(file, uri, signal);
  };
  if (path === "-") return { archive: await spooled(stdin, "standard input, whose order demands it"), name };
  const whole = `${path}:${name}`;
  const isWhole = name !== undefined && !(await look(path)) && (await look(whole)) !== undefined;
  const [file, rest] = isWhole ? [whole, undefined] : [path, name];
  if ((await look(file))?.isFIFO() === true) {
    // `<(command)` of a shell is one, too.
    const what = `the pipe ${JSON.stringify(file)}, whose order demands it`;
    return { archive: await spooled(await openStream(file, { signal }), what), name: rest };
  }
  return { archive: await openArchiveFile(file, uri, signal), name: rest };
}

function look(path: string): Promise<Stats | undefined> {
  return stat(path).catch(() => undefined);
}
