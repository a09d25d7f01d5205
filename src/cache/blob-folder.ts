import { constants } from "node:fs";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
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
    await mkdir(path, { recursive: true, mode: PRIVATE });
    await access(path, constants.W_OK | constants.X_OK);
  }
  await writeNew(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeNew(join(folder, "index.json"), EMPTY_INDEX);
}

/** An index is demanded of a layout; blobs are found by digest, so that ours names nothing. */
export const EMPTY_INDEX = '{"schemaVersion":2,"manifests":[]}';

async function writeNew(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: "wx", mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
}
