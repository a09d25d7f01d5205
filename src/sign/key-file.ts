import { createReadStream } from "node:fs";
import { buffer } from "node:stream/consumers";
import { KeyError } from "./errors.ts";

/** The keyrings of whole distributions have half of it. */
const MAX_SIZE: number = 64 * 1024 * 1024;

/**
 * A file of keys or certificates, whole. Its limit holds for devices and pipes, too, which tell no size before.
 * @throws KeyError KEY_FILE_TOO_LARGE, and what the file system says
 */
export async function readKeyFile(path: string): Promise<Uint8Array> {
  // `end` is inclusive: one byte more than allowed tells that there is more.
  const content = await buffer(createReadStream(path, { end: MAX_SIZE, highWaterMark: 1024 * 1024 }));
  if (content.length > MAX_SIZE) throw new KeyError("KEY_FILE_TOO_LARGE", { path, limit: MAX_SIZE });
  return new Uint8Array(content);
}

/** As {@link readKeyFile}, for PEM. */
export async function readKeyText(path: string): Promise<string> {
  return new TextDecoder().decode(await readKeyFile(path));
}
