import { lstat } from "node:fs/promises";
import { BytesError } from "../bytes/errors.ts";
import { openFileAccess, type RandomAccess } from "../bytes/random-access.ts";
import { systemReason } from "../bytes/system-reason.ts";
import { FsType, fsTypeName } from "../sif/data-type.ts";
import { SifError } from "../sif/errors.ts";
import { findPrimaryPartition, type SifImage, type SifObject } from "../sif/image.ts";
import { MAGIC } from "../sif/layout.ts";
import { objectAccess, type ReadSifOptions, readSif } from "../sif/reader.ts";
import { SquashfsImage } from "../squashfs/reader/image.ts";
import { ImageFileError } from "./errors.ts";

/** A SIF or a bare SquashFS file, open for reading. */
export interface ImageFile {
  readonly path: string;
  /** The whole file. */
  readonly source: RandomAccess;
  /** Header and descriptors; undefined for a bare SquashFS file. */
  readonly sif: SifImage | undefined;
  /**
   * The root file system, read in place.
   * @throws SifError PRIMARY_MISSING, OBJECT_OUTSIDE_FILE; ImageFileError PARTITION_UNSUPPORTED; SquashfsReadError
   */
  root(): Promise<SquashfsImage>;
  /** Gives the file back; safe to call twice. */
  close(): Promise<void>;
}

const SIF_MAGIC_OFFSET = 32;
const SQUASHFS_MAGIC = "hsqs";

/**
 * Opens an image file by its magic bytes.
 * @throws ImageFileError IMAGE_UNREADABLE, IMAGE_FORMAT_UNKNOWN; SifError where a SIF's header is damaged
 */
export async function openImageFile(path: string, options: ReadSifOptions = {}): Promise<ImageFile> {
  const source = await openFile(path);
  try {
    const head = Buffer.from(await source.read(0, Math.min(source.size, SIF_MAGIC_OFFSET + MAGIC.length)));
    if (head.subarray(SIF_MAGIC_OFFSET).equals(MAGIC)) {
      const sif = await readSif(source, options);
      return {
        path,
        source,
        sif,
        root: () => openPartition(source, primaryOf(sif, path)),
        close: () => source.close(),
      };
    }
    if (head.toString("latin1", 0, SQUASHFS_MAGIC.length) !== SQUASHFS_MAGIC) {
      throw new ImageFileError("IMAGE_FORMAT_UNKNOWN", { path });
    }
    return { path, source, sif: undefined, root: () => SquashfsImage.open(source), close: () => source.close() };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/**
 * Opens an image file, runs `use` and closes the file, also when `use` fails.
 * @throws what {@link openImageFile} throws, and `use`
 */
export async function withImageFile<T>(
  path: string,
  use: (image: ImageFile) => Promise<T>,
  options: ReadSifOptions = {},
): Promise<T> {
  const image = await openImageFile(path, options);
  try {
    return await use(image);
  } finally {
    await image.close();
  }
}

/** A squashfs partition of a SIF, read in place. */
export async function openPartition(source: RandomAccess, object: SifObject): Promise<SquashfsImage> {
  const { extra, id } = object;
  if (extra.kind === "partition" && extra.fsType === FsType.squashfs) {
    return SquashfsImage.open(objectAccess(source, object));
  }
  const seen = extra.kind === "partition" ? fsTypeName(extra.fsType) : extra.kind;
  throw new ImageFileError("PARTITION_UNSUPPORTED", { path: source.name, id, seen });
}

function primaryOf(sif: SifImage, path: string): SifObject {
  const primary = findPrimaryPartition(sif);
  if (primary === undefined) throw new SifError("PRIMARY_MISSING", { path });
  return primary;
}

async function openFile(path: string): Promise<RandomAccess> {
  try {
    return await openFileAccess(path);
  } catch (cause) {
    throw new ImageFileError("IMAGE_UNREADABLE", { path, problem: await problemOf(cause, path), cause });
  }
}

async function problemOf(cause: unknown, path: string): Promise<string> {
  if (cause instanceof BytesError) {
    const { kind } = cause.details;
    return kind === "a directory"
      ? "it is a directory; a sandbox is not an image file"
      : `it is ${kind}, not an image file; copy its bytes into a file, and name that`;
  }
  const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
  const link = isMissing ? await lstat(path).catch(() => undefined) : undefined;
  return link?.isSymbolicLink() ? "it is a link to a file that does not exist" : systemReason(cause);
}
