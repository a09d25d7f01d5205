import { type FileHandle, open } from "node:fs/promises";

/** Bytes that can be read at any place: a file, or an array. */
export interface RandomAccess {
  readonly size: number;
  /** For messages. */
  readonly path?: string;
  /** The bytes at `offset`, fewer than `size` only where the source ends. */
  read(offset: number, size: number): Promise<Uint8Array>;
}

/** Reads from an array, without copying. */
export function accessBytes(bytes: Uint8Array, path?: string): RandomAccess {
  return {
    size: bytes.length,
    ...(path === undefined ? {} : { path }),
    read: async (offset, size) => bytes.subarray(offset, offset + size),
  };
}

/** Reads from an open file, which stays the caller's to close. */
export async function accessHandle(handle: FileHandle, path: string): Promise<RandomAccess> {
  const { size } = await handle.stat();
  return {
    size,
    path,
    async read(offset, wanted) {
      const target = new Uint8Array(Math.max(0, Math.min(wanted, size - offset)));
      let filled = 0;
      while (filled < target.length) {
        const { bytesRead } = await handle.read(target, filled, target.length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled === target.length ? target : target.subarray(0, filled);
    },
  };
}

/** Opens a file for reading, runs `use` and closes the file, also when `use` fails. */
export async function withFile<T>(path: string, use: (access: RandomAccess) => Promise<T>): Promise<T> {
  const handle = await open(path, "r");
  try {
    return await use(await accessHandle(handle, path));
  } finally {
    await handle.close();
  }
}
