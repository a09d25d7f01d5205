import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { access, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestHex } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { makeFolders } from "./blob-folder.ts";
import { ABANDONED_MS } from "./partial-blob.ts";

/*
 * ROOT/oci-tmp/KEY                whole SIFs, of images that were run by their URI; where and as Apptainer keeps them
 * ROOT/oci-tmp/.KEY.lease         the process that is making one, see lease.ts
 * ROOT/oci-tmp/.KEY.PID-….tmp     one that is being made: a rename makes it whole
 */

export function imageFolder(root: string): string {
  return join(root, "oci-tmp");
}

/**
 * The name of an image's SIF, by Apptainer's rule (1.4.5): the SHA-256 of the digest's hexadecimal form with the
 * architecture and variant behind it. `digest` is what the reference leads to: an index, where there is one.
 */
export function imageKey(digest: Digest, { architecture, variant = "" }: Omit<Platform, "os">): string {
  return createHash("sha256")
    .update(`${digestHex(digest)}${architecture}${variant}`)
    .digest("hex");
}

export function cachedImagePath(root: string, key: string): string {
  return join(imageFolder(root), key);
}

export function leasePath(root: string, key: string): string {
  return join(imageFolder(root), `.${key}.lease`);
}

/** Makes the folder if it is missing, and looks whether it can be written. Rejects with the system's error. */
export async function prepareImageFolder(root: string): Promise<void> {
  await makeFolders(imageFolder(root));
  await access(imageFolder(root), constants.W_OK | constants.X_OK);
}

/** Whether a file of the folder is one that is being made, or was when its maker died. */
export function isUnfinishedImage(name: string): boolean {
  return name.startsWith(".") && name.endsWith(".tmp");
}

/** Whether a file of the folder belongs to a lease. */
export function isLease(name: string): boolean {
  return /^\.[0-9a-f]+\.lease(\.|$)/.test(name);
}

/** Removes what dead processes have begun: all of `key`, whose lease the caller holds, and what nobody writes any more. */
export async function sweepImageFolder(root: string, key: string): Promise<void> {
  const folder = imageFolder(root);
  for (const name of await readdir(folder).catch(() => [])) {
    if (!isUnfinishedImage(name) && !/\.lease\.[^.]+$/.test(name)) continue;
    const path = join(folder, name);
    const ours = name.startsWith(`.${key}.`) && isUnfinishedImage(name);
    const stats = ours ? undefined : await stat(path).catch(() => undefined);
    if (ours || (stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_MS)) await unlink(path).catch(() => {});
  }
}
