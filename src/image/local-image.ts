import { stat } from "node:fs/promises";
import type { RandomAccess } from "../bytes/random-access.ts";
import { findJson, type SifImage } from "../sif/image.ts";
import { readObject } from "../sif/reader.ts";
import type { ContainerFileView } from "../singularity-d/container-file-view.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import { directoryView } from "./directory-view.ts";
import { type ImageFile, openImageFile } from "./open-image.ts";
import { squashfsView } from "./squashfs-view.ts";

/** Files that are taken into memory: those that metadata are made of. As of a registry's image, larger ones are none. */
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
 * Opens the container that lies on this machine: a SIF, a SquashFS file, or a sandbox.
 * @throws what {@link openImageFile} throws, and its `root`
 */
export async function openLocalImage(path: string): Promise<LocalImage> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory())
    return { kind: "sandbox", path, ...directoryView(path, { largest: MAX_SMALL_FILE }), async close() {} };
  const file = await openImageFile(path);
  try {
    return await openContainer(file);
  } catch (error) {
    await file.close();
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

async function openContainer(file: ImageFile): Promise<LocalImageFile> {
  const { path, source, sif } = file;
  const squashfs = await file.root();
  const config = sif === undefined ? undefined : findJson(sif, "oci-config.json");
  return {
    ...{ kind: sif === undefined ? "squashfs" : "sif", path, access: source, squashfs, sif },
    ociConfigJson: config === undefined ? undefined : await readObject(source, config),
    ...squashfsView(squashfs, { largest: MAX_SMALL_FILE }),
    close: () => file.close(),
  };
}
