import { randomBytes } from "node:crypto";
import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { hasEnded, processMark } from "../bytes/process-mark.ts";

/** Bytes of a name in a directory, on all file systems of Linux. */
const MAX_NAME_LENGTH = 255;
/** Behind the output's name: whose the file is, and what tells it from others of that process. */
const SUFFIX = /^\.([0-9a-f]+-\d+)-[0-9a-f]{12}\.tmp$/;

/** `.NAME.PLACE-PID-RANDOM.tmp`, with the name cut where the whole would pass 255 bytes. */
export function temporaryName(name: string): string {
  return `${stem(name)}.${processMark()}-${randomBytes(6).toString("hex")}.tmp`;
}

/**
 * Removes the temporary files (or directories, with `remove`) of this output whose processes were killed. Nothing else
 * can: Linux would let an unnamed file (O_TMPFILE) get its name at the end, but only by linkat(2), which Node does not
 * have.
 */
export async function removeLeftovers(
  directory: string,
  name: string,
  remove: (path: string) => Promise<void> = unlink,
): Promise<void> {
  const own = stem(name);
  for (const found of await readdir(directory).catch(() => [])) {
    if (!found.startsWith(own)) continue;
    const mark = SUFFIX.exec(found.slice(own.length))?.[1];
    if (mark !== undefined && hasEnded(mark)) await remove(join(directory, found)).catch(() => {});
  }
}

/** The same for every process, whatever the length of its number. */
function stem(name: string): string {
  let cut = name;
  while (Buffer.byteLength(cut) > MAX_NAME_LENGTH - MAX_SUFFIX_LENGTH) cut = cut.replace(/.$/su, "");
  return `.${cut}`;
}

/** The leading dot, PLACE (12), a number of up to 10 digits, RANDOM (12), and what stands in between. */
const MAX_SUFFIX_LENGTH = 1 + 1 + 12 + 1 + 10 + 1 + 12 + 4;
