import { InodeKind, type InodeTable } from "./inodes.ts";

const OWNER_DIRECTORY = 0o700;
const OWNER_FILE = 0o600;
const PERMISSIONS = 0o777;

/** Makes 0:0 own everything (mksquashfs's `-all-root`). */
export function ownByRoot(inodes: InodeTable): void {
  for (let id = 0; id < inodes.count; id++) inodes.setOwner(id, 0, 0);
}

/**
 * Lets the owner read, write and enter everything, as Apptainer's `--fix-perms` does: directories get 0700,
 * files 0600 added, and, since it sets the nine permission bits alone, set-id and sticky bits are lost.
 */
export function fixPermissions(inodes: InodeTable): void {
  for (let id = 0; id < inodes.count; id++) {
    const kind = inodes.kind(id);
    if (kind === InodeKind.directory) inodes.setMode(id, (inodes.mode(id) & PERMISSIONS) | OWNER_DIRECTORY);
    else if (kind === InodeKind.file) inodes.setMode(id, (inodes.mode(id) & PERMISSIONS) | OWNER_FILE);
  }
}

/** Dates nothing later than `latestSec` (SOURCE_DATE_EPOCH's rule: only what is younger changes). */
export function clampMtimes(inodes: InodeTable, latestSec: number): void {
  for (let id = 0; id < inodes.count; id++) {
    if (inodes.mtimeSec(id) > latestSec) inodes.setMtime(id, latestSec);
  }
}
