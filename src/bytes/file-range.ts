import type { FileHandle } from "node:fs/promises";

/** Fills a piece of memory with what a file has from an offset on; gives how many bytes, fewer where it ends before. */
export async function readFully(file: FileHandle, bytes: Uint8Array, offset: number): Promise<number> {
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** What writing needs of an open file; `FileHandle` has it. */
export interface PositionedWriter {
  write(bytes: Uint8Array, from: number, length: number, position: number): Promise<{ readonly bytesWritten: number }>;
}

/** Writes all of these bytes from an offset on: one write(2) may take fewer. Rejects with the system's error. */
export async function writeFully(file: PositionedWriter, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
