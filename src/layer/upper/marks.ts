import type { ByteString } from "../../bytes/byte-string.ts";
import { EntryKind, type TarEntry } from "../../tar/entry.ts";
import { entryRole, WHITEOUT_PREFIX } from "../whiteout.ts";

/**
 * Attributes in which the kernel's overlay and fuse-overlayfs keep their books (linux,
 * Documentation/filesystems/overlayfs.rst). They are of no meaning without the layers below.
 */
const BOOKKEEPING = /^(?:trusted|user)\.(?:overlay|fuseoverlayfs)\./;
const OPAQUE = /^(?:trusted|user)\.(?:overlay|fuseoverlayfs)\.opaque$/;
/** A whiteout where no device can be made: an empty file in a directory whose `opaque` is `x` (Linux 6.7). */
const WHITEOUT = /^(?:trusted|user)\.overlay\.whiteout$/;

/**
 * Who wrote the upper directory: fuse-overlayfs marks by name, as layers do, where it cannot make devices. `none` is
 * a directory that is no overlay's.
 */
export type UpperMarks = "kernel" | "fuse-overlayfs" | "none";

/** What an entry of an upper directory says of the layers below. */
export interface UpperEntry {
  /** Of the name it is about. */
  readonly path: ByteString;
  readonly role: "plain" | "whiteout" | "opaque" | "plumbing";
  /** Without the overlay's own. */
  readonly xattrs: TarEntry["xattrs"];
}

/**
 * Reads the marks of an entry.
 * @param path normalised
 */
export function readMarks(entry: TarEntry, path: ByteString, marks: UpperMarks): UpperEntry {
  if (marks === "none") return { path, role: "plain", xattrs: entry.xattrs };
  const xattrs = entry.xattrs.some(({ name }) => BOOKKEEPING.test(name))
    ? entry.xattrs.filter(({ name }) => !BOOKKEEPING.test(name))
    : entry.xattrs;
  if (marks === "fuse-overlayfs") {
    const role = entryRole(path);
    const slash = path.lastIndexOf("/") + 1;
    if (role === "whiteout")
      return { path: path.slice(0, slash) + path.slice(slash + WHITEOUT_PREFIX.length), role, xattrs };
    if (role === "opaque") return { path: path.slice(0, Math.max(slash - 1, 0)), role, xattrs };
    if (role === "plumbing") return { path, role, xattrs };
  }
  const isWhiteout =
    entry.kind === EntryKind.charDevice
      ? entry.deviceMajor === 0 && entry.deviceMinor === 0
      : entry.kind === EntryKind.file && entry.size === 0 && entry.xattrs.some(({ name }) => WHITEOUT.test(name));
  if (isWhiteout) return { path, role: "whiteout", xattrs };
  const isOpaque =
    entry.kind === EntryKind.directory &&
    entry.xattrs.some(({ name, value }) => OPAQUE.test(name) && value.length === 1 && value[0] === 0x79);
  return { path, role: isOpaque ? "opaque" : "plain", xattrs };
}
