import { type ReadWholeOptions, readWholeFile, readWholeText } from "../bytes/read-whole.ts";

/** The keyrings of whole distributions have as much. */
const MAX_SIZE: number = 32 * 1024 * 1024;

/**
 * A file of OpenPGP keys, whole. Its limit holds for devices and pipes, too, which tell no size before.
 * @throws BytesError FILE_TOO_LARGE, what the file system says, the signal's reason
 */
export async function readKeyFile(path: string, options: Pick<ReadWholeOptions, "signal"> = {}): Promise<Uint8Array> {
  const bytes = await readWholeFile(path, { ...options, limit: MAX_SIZE });
  // Keys are compared and kept as plain bytes.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** As {@link readKeyFile}, for PEM: a key, or certificates. */
export function readKeyText(path: string, options: Pick<ReadWholeOptions, "signal"> = {}): Promise<string> {
  return readWholeText(path, options);
}
