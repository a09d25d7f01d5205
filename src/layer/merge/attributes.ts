import type { InodeAttributes } from "../../fstree/inodes.ts";
import { InodeKind } from "../../fstree/inodes.ts";
import { EntryKind, type TarEntry } from "../../tar/entry.ts";
import { MergeError } from "./errors.ts";
import { MAX_TARGET_SIZE } from "./limits.ts";

const INODE_KINDS: Readonly<Record<Exclude<EntryKind, "hardlink">, InodeKind>> = {
  file: InodeKind.file,
  directory: InodeKind.directory,
  symlink: InodeKind.symlink,
  charDevice: InodeKind.charDevice,
  blockDevice: InodeKind.blockDevice,
  fifo: InodeKind.fifo,
};

/** What an entry that is no hard link says of its inode; a file's content comes later. */
export function attributesOf(entry: TarEntry): InodeAttributes {
  if (entry.kind === EntryKind.hardlink) throw new TypeError("a hard link has no inode of its own");
  const { mode, uid, gid, mtimeSec, xattrs } = entry;
  return {
    kind: INODE_KINDS[entry.kind],
    // symlink(7): Linux shows every symlink as 0777, so umoci's and Apptainer's images have that, whatever a tar says.
    mode: entry.kind === EntryKind.symlink ? 0o777 : mode,
    uid,
    gid,
    mtimeSec,
    xattrs,
    size: entry.size,
    target: entry.linkName,
    deviceMajor: entry.deviceMajor,
    deviceMinor: entry.deviceMinor,
  };
}

/** Refuses a symlink that Linux could not read. */
export function checkSymlink(entry: TarEntry, layer: string): void {
  const { path, linkName } = entry;
  if (linkName === "" || linkName.includes("\0")) {
    throw new MergeError("MALFORMED_NAME", { path, layer, reason: "the symlink's target is empty or has a NUL in it" });
  }
  if (linkName.length > MAX_TARGET_SIZE) {
    throw new MergeError("TARGET_TOO_LONG", { path, layer, seen: linkName.length, limit: MAX_TARGET_SIZE });
  }
}

/** A directory that is there only because something lies below it. */
export function implicitDirectory(mtimeSec: number): InodeAttributes {
  return { kind: InodeKind.directory, mode: 0o755, uid: 0, gid: 0, mtimeSec };
}
