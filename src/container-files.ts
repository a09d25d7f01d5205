import { stat } from "node:fs/promises";
import { directoryView } from "./image/directory-view.ts";
import { openImageFile } from "./image/open-image.ts";
import { squashfsView } from "./image/squashfs-view.ts";
import type { ContainerView } from "./singularity-d/container-view.ts";

/** A container's files as its image has them: nothing is mounted. */
export interface ContainerFilesView extends ContainerView {
  /** Gives the image back. */
  close(): Promise<void>;
}

/**
 * Looks into a SIF, a SquashFS file or a sandbox.
 * @throws what `openImageFile` throws, and its `root`
 */
export async function openContainerFiles(path: string): Promise<ContainerFilesView> {
  if ((await stat(path).catch(() => undefined))?.isDirectory())
    return { ...directoryView(path), close: async () => {} };
  const image = await openImageFile(path);
  try {
    return { ...squashfsView(await image.root()), close: () => image.close() };
  } catch (error) {
    await image.close();
    throw error;
  }
}
