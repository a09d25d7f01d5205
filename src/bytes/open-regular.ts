import type { Stats } from "node:fs";
import { constants, type FileHandle, open, stat } from "node:fs/promises";
import { BytesError } from "./errors.ts";

/**
 * Opens a file that is read at many places, or changed in place. An open(2) that waits for the other end of a FIFO
 * would hold a thread of Node for as long, and the process with it: it never waits, and what was opened is looked at.
 * @param access `O_RDONLY` or `O_RDWR`
 * @throws BytesError NOT_A_FILE for a directory, a FIFO, a socket or a device; else what the file system says
 */
export async function openRegular(path: string, access: number = constants.O_RDONLY): Promise<FileHandle> {
  const file = await open(path, access | constants.O_NONBLOCK | constants.O_NOCTTY).catch(async (error: unknown) => {
    // A socket cannot be opened at all (ENXIO), a directory not for writing.
    const kind = await stat(path).then(specialKind, () => undefined);
    throw kind === undefined || isDenied(error) ? error : new BytesError("NOT_A_FILE", { path, kind, cause: error });
  });
  try {
    const kind = specialKind(await file.stat());
    if (kind !== undefined) throw new BytesError("NOT_A_FILE", { path, kind });
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What stands at a path in place of a file, as a message names it; undefined for a file. */
export function specialKind(found: Stats): string | undefined {
  if (found.isFile()) return undefined;
  if (found.isDirectory()) return "a directory";
  if (found.isFIFO()) return "a FIFO (named pipe)";
  if (found.isSocket()) return "a socket";
  return found.isBlockDevice() ? "a block device" : "a character device";
}

function isDenied(error: unknown): boolean {
  return ["EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "");
}
