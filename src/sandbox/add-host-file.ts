import { constants, type Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { BodyPart } from "../bytes/file-body.ts";
import type { ContentId, ContentStore } from "../fstree/content.ts";
import { ELF_HEAD_SIZE, readElfArch } from "../fstree/elf.ts";

/** Bytes of a file read at a time; smaller files are read whole. */
const READ_SIZE = 256 * 1024;

/** What files are read into, one after the other. */
export function readBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(READ_SIZE);
}

export interface HostFileOptions {
  readonly contents: ContentStore;
  /** Of {@link readBuffer}. */
  readonly buffer: Buffer;
  /** The error for what the file system refuses. */
  readonly failed: (cause: unknown) => Error;
  /** The error for a file that has another size than it had. */
  readonly changed: (seen: number) => Error;
}

/** A file's content, where it is now. */
export interface AddedFile {
  readonly content: ContentId;
  /** SIF architecture code of an executable ELF file, else 0. */
  readonly elfArch: number;
}

/** Streams a file of this machine into the store. No link is followed; `stat` is what it was found to be. */
export async function addHostFile(
  file: Buffer,
  stat: Stats,
  { contents, buffer, failed, changed }: HostFileOptions,
): Promise<AddedFile> {
  // NONBLOCK: should a FIFO have taken the name meanwhile, nobody waits for its writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(file, flags).catch((cause: unknown) => {
    throw failed(cause);
  });
  try {
    const read = async (): Promise<number> => {
      try {
        return await readFully(handle, buffer);
      } catch (cause) {
        throw failed(cause);
      }
    };
    const first = await read();
    const elfArch = (stat.mode & 0o111) === 0 ? 0 : readElfArch(buffer.subarray(0, Math.min(first, ELF_HEAD_SIZE)));
    if (stat.size < READ_SIZE) {
      if (first !== stat.size) throw changed(first);
      return { content: await contents.add(first, buffer.subarray(0, first)), elfArch };
    }
    const parts = async function* (): AsyncGenerator<BodyPart, void, void> {
      let sum = 0;
      for (let count = first; count > 0; count = await read()) {
        sum += count;
        if (sum > stat.size) break;
        yield buffer.subarray(0, count);
      }
      if (sum !== stat.size) throw changed(sum);
    };
    return { content: await contents.add(stat.size, parts()), elfArch };
  } finally {
    await handle.close();
  }
}

/** Fills the buffer unless the file ends before. */
async function readFully(handle: FileHandle, buffer: Buffer): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, null);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
