import type { FileHandle } from "node:fs/promises";
import { BytesError } from "./errors.ts";
import { readFully } from "./file-range.ts";
import { openRegular } from "./open-regular.ts";

/**
 * Bytes that can be read at any place: a file, an array, a part of either, a resource with HTTP
 * ranges. Readers of SIF and SquashFS stand on it.
 */
export interface RandomAccess {
  /** For messages: the file's path or the like. */
  readonly name: string;
  /** Bytes in all; fixed while it is open. */
  readonly size: number;
  /**
   * Exactly `size` bytes at `offset`. Borrowed: they may be part of a larger array, so do not write to them.
   * Ask only for what lies inside: all else is a RangeError, for the caller should have checked what the input told it.
   * @param room `size` bytes or more of the caller's, which a source that has to copy fills and gives back: who reads
   *   much in a row spares an allocation for each piece. Other sources pass over it.
   * @throws BytesError SOURCE_TRUNCATED where the bytes went away since it was opened
   */
  read(offset: number, size: number, room?: Uint8Array): Promise<Uint8Array>;
  /** Gives up the file or connection; safe to call twice. */
  close(): Promise<void>;
}

/** An array as a source; it is not copied. */
export function bytesAccess(bytes: Uint8Array, name = "memory"): RandomAccess {
  return {
    name,
    size: bytes.length,
    async read(offset, size) {
      checkRange(offset, size, bytes.length);
      return bytes.subarray(offset, offset + size);
    },
    async close() {},
  };
}

/**
 * Opens a file for reading. Errors of the file system come as Node gives them (`ENOENT`, …).
 * @throws BytesError NOT_A_FILE for a directory, a FIFO, a socket or a device
 */
export async function openFileAccess(path: string): Promise<RandomAccess> {
  const file = await openRegular(path);
  try {
    const { size } = await file.stat();
    return fileAccess(file, path, size);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** An open file as a source, which stays the caller's to close. */
export async function handleAccess(file: FileHandle, name: string): Promise<RandomAccess> {
  const { size } = await file.stat();
  return { ...fileAccess(file, name, size), async close() {} };
}

/**
 * Opens a file for reading, runs `use` and closes the file, also when `use` fails.
 * @throws what {@link openFileAccess} throws, and `use`
 */
export async function withFileAccess<T>(path: string, use: (source: RandomAccess) => Promise<T>): Promise<T> {
  const source = await openFileAccess(path);
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

function fileAccess(file: FileHandle, name: string, size: number): RandomAccess {
  let closing: Promise<void> | undefined;
  return {
    name,
    size,
    async read(offset, length, room) {
      checkRange(offset, length, size);
      const bytes = room?.subarray(0, length) ?? new Uint8Array(length);
      const filled = await readFully(file, bytes, offset);
      if (filled < length)
        throw new BytesError("SOURCE_TRUNCATED", { source: name, offset, seen: offset + filled, limit: size });
      return bytes;
    },
    close() {
      closing ??= file.close();
      return closing;
    },
  };
}

/**
 * `size` bytes of another source from `offset` on, as an object of a SIF is. Closing it leaves the other open.
 * @throws RangeError where they are not all in it
 */
export function windowAccess(
  source: RandomAccess,
  offset: number,
  size: number,
  name: string = source.name,
): RandomAccess {
  checkRange(offset, size, source.size);
  return {
    name,
    size,
    async read(relativeOffset, length, room) {
      checkRange(relativeOffset, length, size);
      return source.read(offset + relativeOffset, length, room);
    },
    async close() {},
  };
}

function checkRange(offset: number, size: number, limit: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(size) || offset < 0 || size < 0 || offset + size > limit)
    throw new RangeError(`bytes ${offset}…${offset + size} are outside 0…${limit}`);
}
