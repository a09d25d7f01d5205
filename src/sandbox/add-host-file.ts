import { constants, type Stats } from "node:fs";
import { open } from "node:fs/promises";
import type { BodyPart } from "../bytes/file-body.ts";
import { readFully } from "../bytes/file-range.ts";
import type { ContentId, ContentStore } from "../fstree/content.ts";
import { ELF_HEAD_SIZE, readElfArch } from "../fstree/elf.ts";
import { dataRuns } from "./data-runs.ts";

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
    const read = async (from: number, to: number): Promise<number> => {
      try {
        return await readFully(handle, buffer.subarray(0, Math.min(buffer.length, to - from)), from);
      } catch (cause) {
        throw failed(cause);
      }
    };
    const first = await read(0, READ_SIZE);
    const elfArch = (stat.mode & 0o111) === 0 ? 0 : readElfArch(buffer.subarray(0, Math.min(first, ELF_HEAD_SIZE)));
    if (stat.size < READ_SIZE) {
      if (first !== stat.size) throw changed(first);
      return { content: await contents.add(first, buffer.subarray(0, first)), elfArch };
    }
    // One more than it should have: a file that grew is noticed.
    const runs = (await dataRuns(handle, stat)) ?? [{ from: 0, to: stat.size + 1 }];
    const parts = async function* (): AsyncGenerator<BodyPart, void, void> {
      let position = 0;
      for (const { from, to } of runs) {
        if (from > position) yield { zeros: from - position };
        position = from;
        while (position < to) {
          const count = await read(position, to);
          position += count;
          if (count === 0 || position > stat.size) break;
          yield buffer.subarray(0, count);
        }
        if (position !== Math.min(to, stat.size)) throw changed(position);
      }
      const { size } = await handle.stat();
      if (size !== stat.size) throw changed(size);
      if (size > position) yield { zeros: size - position };
    };
    return { content: await contents.add(stat.size, parts()), elfArch };
  } finally {
    await handle.close();
  }
}
