import { stat } from "node:fs/promises";
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
 * Opens the archive at a path; `-` is standard input, which is spooled. A colon may belong to the path:
 * `f:x.tar` is the file `f:x.tar` if there is one and no `f`.
 */
export async function openArchive(
  uri: string,
  { path, name }: ArchiveLocation,
  { spoolDirectory, onProgress, stdin = process.stdin }: SourceOptions,
  signal: AbortSignal,
): Promise<OpenedArchive> {
  if (path === "-") {
    const what = "standard input, whose order demands it";
    const file = await spoolStream(stdin, { what, directory: spoolDirectory, onProgress, signal });
    return { archive: await openArchiveHandle(file, uri, signal), name };
  }
  const whole = `${path}:${name}`;
  if (name !== undefined && !(await exists(path)) && (await exists(whole))) {
    return { archive: await openArchiveFile(whole, uri, signal), name: undefined };
  }
  return { archive: await openArchiveFile(path, uri, signal), name };
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
