import { constants, lstatSync, readdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { bytePath } from "../bytes/byte-path.ts";
import type { ByteString } from "../bytes/byte-string.ts";
import { systemReason } from "../bytes/system-reason.ts";
import type { ContainerView } from "../singularity-d/container-view.ts";
import { ImageFileError } from "./errors.ts";
import { resolveInside } from "./resolve-inside.ts";
import type { ViewOptions } from "./view-options.ts";

/** Larger files are no script and no label; a limit before they are held in memory. */
const MAX_FILE_SIZE: number = 16 * 1024 * 1024;

/**
 * A container's files in a sandbox, whose symlinks are followed as inside the container.
 * Its functions throw ImageFileError PATH_UNSUITABLE where the file system refuses, or a file is too large.
 */
export function directoryView(root: string, { largest = Number.POSITIVE_INFINITY }: ViewOptions = {}): ContainerView {
  const guarded = async <T>(path: ByteString, look: (place: Buffer) => T | Promise<T>): Promise<T | undefined> => {
    try {
      const inside = resolveInside(root, path);
      return inside === undefined ? undefined : await look(bytePath(root, inside));
    } catch (cause) {
      if (cause instanceof ImageFileError) throw cause;
      throw unsuitable(root, path, `cannot be read: ${systemReason(cause)}`, cause);
    }
  };
  return {
    read: (path) =>
      guarded(path, async (place) => {
        if (!lstatSync(place).isFile()) return undefined;
        // Whoever may write to the sandbox may have put something else there in the meantime.
        const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
        try {
          const { size } = await file.stat();
          if (size > largest) return undefined;
          if (size > MAX_FILE_SIZE) throw unsuitable(root, path, `has ${size} bytes, limit ${MAX_FILE_SIZE}`);
          return await file.readFile();
        } finally {
          await file.close();
        }
      }),
    list: (path) =>
      guarded(path, (place) =>
        lstatSync(place).isDirectory() ? readdirSync(place, { encoding: "latin1" }).sort() : undefined,
      ),
    look: (path) =>
      guarded(path, (place) => {
        const found = lstatSync(place);
        const kind = found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
        return { kind, executable: (found.mode & 0o111) !== 0 };
      }),
  };
}

function unsuitable(root: string, name: ByteString, problem: string, cause?: unknown): ImageFileError {
  return new ImageFileError("PATH_UNSUITABLE", { name, path: root, problem, cause });
}
