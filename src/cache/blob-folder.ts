import { constants } from "node:fs";
import { access, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Digest, digestAlgorithm, digestHex } from "../oci/digest.ts";

/*
 * ROOT/blob                       an OCI layout (image spec 1.1, image-layout.md), as Apptainer keeps it
 * ROOT/blob/blobs/sha256/HEX      whole blobs: manifests, configs, layers
 * ROOT/blob/partial/sha256-HEX.…  begun ones, beside them so that a rename makes them whole
 */

/** The layout inside a cache. */
export function blobFolder(root: string): string {
  return join(root, "blob");
}

export function blobPath(root: string, digest: Digest): string {
  return join(blobFolder(root), "blobs", digestAlgorithm(digest), digestHex(digest));
}

export function partialFolder(root: string): string {
  return join(blobFolder(root), "partial");
}

const PRIVATE = 0o700;

/** Makes the folders that are missing, and looks whether they can be written. Rejects with the system's error. */
export async function prepareBlobFolder(root: string): Promise<void> {
  const folder = blobFolder(root);
  for (const path of [join(folder, "blobs", "sha256"), join(folder, "blobs", "sha512"), partialFolder(root)]) {
    await makeFolders(path);
    await access(path, constants.W_OK | constants.X_OK);
  }
  await writeNew(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeNew(join(folder, "index.json"), EMPTY_INDEX);
}

/**
 * Makes a folder of the cache with those above it, for the user alone. Not mkdir's own `recursive`: that never
 * ends where the system says ENOENT of a parent that is there, as in /proc.
 */
export async function makeFolders(path: string): Promise<void> {
  const make = () =>
    mkdir(path, { mode: PRIVATE }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  await make().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT" || dirname(path) === path) throw error;
    await makeFolders(dirname(path));
    await make();
  });
}

/** An index is demanded of a layout; blobs are found by digest, so that ours names nothing. */
export const EMPTY_INDEX = '{"schemaVersion":2,"manifests":[]}';

async function writeNew(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: "wx", mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}
