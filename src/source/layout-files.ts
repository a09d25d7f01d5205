import { createReadStream, open as openFile, read } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { systemReason } from "../bytes/system-reason.ts";
import type { LayerStream } from "../oci/image.ts";

/** Bytes of a file, for a thread that reads them by itself. */
export type FileRange =
  | { readonly kind: "file"; readonly path: string }
  /** Of a file that is open in this process, and stays so. */
  | { readonly kind: "range"; readonly fd: number; readonly offset: number; readonly size: number };

/** Opens what `LayoutFiles.locate` tells. */
export function openRange(range: FileRange): LayerStream {
  if (range.kind === "range" && range.size === 0) return Readable.from([]);
  const stream =
    range.kind === "file"
      ? createReadStream(range.path, { highWaterMark: READ_SIZE })
      : createReadStream("", {
          ...{ fd: range.fd, start: range.offset, end: range.offset + range.size - 1, highWaterMark: READ_SIZE },
          fs: KEPT_OPEN,
        });
  // Each read is into memory of its own.
  return Object.assign(stream, { givesChunksAway: true });
}

/** The descriptor is another's: a stream that is destroyed would close it, whatever its `autoClose` says. */
const KEPT_OPEN = { open: openFile, read, close: (_: number, done: () => void) => done() };

/** The files of an OCI layout, in a directory or in an archive. Names are relative: `blobs/sha256/…`. */
export interface LayoutFiles {
  /** Size of a file; what is wrong with it, in words, where it is none. */
  size(name: string): Promise<number | string>;
  /** A file of at most `limit` bytes, whole; its size was asked before. */
  read(name: string, limit: number, signal: AbortSignal): Promise<Buffer>;
  open(name: string, signal: AbortSignal): Readable;
  /** Where its bytes lie in a file as they are; undefined where they do not. */
  locate(name: string): FileRange | undefined;
  close(): Promise<void>;
}

export const NO_SUCH_FILE = "no such file or directory";

/** Reads of 256 KiB: larger ones gain nothing once the decompressor is the slower part. */
const READ_SIZE = 256 * 1024;

/** The files of a layout directory. */
export function directoryFiles(directory: string): LayoutFiles {
  return {
    async size(name) {
      try {
        // Symlinks are followed, also out of the layout, as skopeo, umoci and Apptainer do it: build tools (Bazel)
        // make layouts of links. Nothing is taken on trust: index.json names digests, and blobs must have theirs.
        const stats = await stat(join(directory, name));
        return stats.isFile() ? stats.size : "not a regular file";
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === "ENOENT" ? NO_SUCH_FILE : systemReason(error);
      }
    },
    async read(name, limit) {
      const handle = await open(join(directory, name));
      try {
        const { size } = await handle.stat();
        const bytes = Buffer.alloc(Math.min(size, limit + 1));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
        return bytes.subarray(0, bytesRead);
      } finally {
        await handle.close();
      }
    },
    open: (name) => openRange({ kind: "file", path: join(directory, name) }),
    locate: (name) => ({ kind: "file", path: resolve(directory, name) }),
    async close() {},
  };
}
