import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { ReadStream as TerminalStream } from "node:tty";
import { specialKind } from "../bytes/open-regular.ts";
import { openStream } from "../bytes/open-stream.ts";
import { SifError } from "./errors.ts";

/** `/dev/null`, the one device that ends at once: major 1, minor 3 (Linux, admin-guide/devices.txt). */
const NULL_DEVICE = 0x103;

/**
 * Opens what is to be an object of the SIF at `path`: a file, a pipe, a terminal.
 * @throws SifError OBJECT_IS_IMAGE, OBJECT_NOT_A_FILE (directories, sockets, and devices, which have no end), and
 *   what the file system says
 */
export async function openObjectFile(
  object: string,
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Readable> {
  const found = await stat(object);
  const kind = specialKind(found);
  if (found.isDirectory() || found.isSocket()) throw new SifError("OBJECT_NOT_A_FILE", { object, path, kind });
  const image = await stat(path);
  if (found.dev === image.dev && found.ino === image.ino) throw new SifError("OBJECT_IS_IMAGE", { object, path });
  const stream = await openStream(object, options);
  if (found.isCharacterDevice() && found.rdev !== NULL_DEVICE && !(stream instanceof TerminalStream)) {
    stream.destroy();
    throw new SifError("OBJECT_NOT_A_FILE", { object, path, kind });
  }
  return stream;
}
