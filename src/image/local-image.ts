import { constants, readdirSync } from "node:fs";
import { lstat, open, stat } from "node:fs/promises";
import type { ByteString } from "../bytes/byte-string.ts";
import { BytesError } from "../bytes/errors.ts";
import { specialKind } from "../bytes/open-regular.ts";
import { openFileAccess, type RandomAccess, windowAccess } from "../bytes/random-access.ts";
import { FsType, fsTypeName } from "../sif/data-type.ts";
import { SifError } from "../sif/errors.ts";
import { findJson, findPrimaryPartition, type SifImage } from "../sif/image.ts";
import { readObject, readSif } from "../sif/reader.ts";
import type { ContainerFileView } from "../singularity-d/container-file-view.ts";
import { SquashfsImage } from "../squashfs/reader/image.ts";
import { bytePath } from "./byte-path.ts";
import { SandboxError } from "./errors.ts";
import { resolveInside } from "./resolve-inside.ts";

/** Files that are taken into memory: those that metadata are made of. */
const MAX_SMALL_FILE: number = 1 << 20;

interface LocalBase extends ContainerFileView {
  /** As the user wrote it. */
  readonly path: string;
  close(): Promise<void>;
}

/** An image file with a SquashFS in it. */
export interface LocalImageFile extends LocalBase {
  readonly kind: "sif" | "squashfs";
  readonly access: RandomAccess;
  /** The container's file system. */
  readonly squashfs: SquashfsImage;
  /** Header and objects, of a SIF. */
  readonly sif: SifImage | undefined;
  /** The SIF's `oci-config.json`. */
  readonly ociConfigJson: Uint8Array | undefined;
}

/** A directory that is a container's root. */
export interface LocalSandbox extends LocalBase {
  readonly kind: "sandbox";
}

export type LocalImage = LocalImageFile | LocalSandbox;

/**
 * Opens what lies on this machine: a SIF, a SquashFS file, or a sandbox.
 * @throws SandboxError IMAGE_NOT_FOUND, NOT_AN_IMAGE, PARTITION_UNSUPPORTED; SifError PRIMARY_MISSING; BytesError NOT_A_FILE; what the readers throw
 */
export async function openLocalImage(path: string): Promise<LocalImage> {
  const found = await stat(path).catch(async (error: Error) => {
    const { code } = error as NodeJS.ErrnoException;
    throw new SandboxError(code === "ENOENT" ? "IMAGE_NOT_FOUND" : "NOT_AN_IMAGE", {
      ...{ source: path, seen: error.message, cause: error },
      isLink: await lstat(path).then(
        (link) => link.isSymbolicLink(),
        () => false,
      ),
    });
  });
  if (found.isDirectory()) return openSandbox(path);
  const special = specialKind(found);
  if (special !== undefined) throw new BytesError("NOT_A_FILE", { path, kind: special });
  const access = await openFileAccess(path);
  try {
    const head = Buffer.from(await access.read(0, Math.min(64, access.size)));
    if (head.toString("latin1", 32, 41) === "SIF_MAGIC") return await openSif(path, access);
    if (head.toString("latin1", 0, 4) === "hsqs") {
      const squashfs = await SquashfsImage.open(access);
      return imageFile({ kind: "squashfs", path, access, squashfs, sif: undefined, ociConfigJson: undefined });
    }
    throw new SandboxError("NOT_AN_IMAGE", { source: path, seen: `a file of ${access.size} bytes` });
  } catch (error) {
    await access.close();
    throw error;
  }
}

/** Opens an image, runs `use` and closes the image, also when `use` fails. */
export async function withLocalImage<T>(path: string, use: (image: LocalImage) => Promise<T>): Promise<T> {
  const image = await openLocalImage(path);
  try {
    return await use(image);
  } finally {
    await image.close();
  }
}

async function openSif(path: string, access: RandomAccess): Promise<LocalImageFile> {
  const sif = await readSif(access);
  const partition = findPrimaryPartition(sif);
  if (partition === undefined) throw new SifError("PRIMARY_MISSING", { path });
  const { extra, id } = partition;
  if (extra.kind === "partition" && extra.fsType !== FsType.squashfs)
    throw new SandboxError("PARTITION_UNSUPPORTED", { source: path, id, seen: fsTypeName(extra.fsType) });
  if (partition.offset + partition.size > access.size)
    throw new SifError("OBJECT_OUTSIDE_FILE", {
      ...{ path, id, offset: partition.offset },
      ...{ end: partition.offset + partition.size, limit: access.size },
    });
  const squashfs = await SquashfsImage.open(windowAccess(access, partition.offset, partition.size));
  const config = findJson(sif, "oci-config.json");
  const ociConfigJson = config === undefined ? undefined : await readObject(access, config);
  return imageFile({ kind: "sif", path, access, squashfs, sif, ociConfigJson });
}

function imageFile(parts: Omit<LocalImageFile, "read" | "list" | "close">): LocalImageFile {
  const { squashfs, access } = parts;
  return {
    ...parts,
    async read(path) {
      const inode = await squashfs.lookup(path, { follow: true });
      return inode?.kind === "file" && inode.size <= MAX_SMALL_FILE ? squashfs.readWhole(inode) : undefined;
    },
    async list(path) {
      const inode = await squashfs.lookup(path, { follow: true });
      if (inode?.kind !== "directory") return undefined;
      const names: ByteString[] = [];
      for await (const { name } of squashfs.readdir(inode)) names.push(name);
      return names;
    },
    close: () => access.close(),
  };
}

function openSandbox(path: string): LocalSandbox {
  return {
    kind: "sandbox",
    path,
    async read(inside) {
      const real = resolveInside(path, inside);
      if (real === undefined) return undefined;
      const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      const file = await open(bytePath(path, real), flags).catch(() => undefined);
      try {
        const found = await file?.stat();
        return file !== undefined && found?.isFile() && found.size <= MAX_SMALL_FILE
          ? await file.readFile()
          : undefined;
      } finally {
        await file?.close();
      }
    },
    async list(inside) {
      const real = resolveInside(path, inside);
      if (real === undefined) return undefined;
      try {
        return readdirSync(bytePath(path, real), { encoding: "latin1" }).sort();
      } catch {
        return undefined;
      }
    },
    async close() {},
  };
}
