import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { join } from "node:path";

/**
 * A new file, for reading and writing, that has no name any more: however the process ends, nothing of it is
 * left behind. Rejects with the system's error.
 */
export async function openUnlinkedFile(directory: string): Promise<FileHandle> {
  const path = join(directory, `.sifon-spool.${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
  const file = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await unlink(path);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
