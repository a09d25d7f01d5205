import type { ByteString } from "../bytes/byte-string.ts";

/** What marks a name as a whiteout (OCI image spec 1.1, layer.md, "Whiteouts"; the form is that of AUFS). */
export const WHITEOUT_PREFIX = ".wh.";

/** The name that makes its directory opaque: nothing of lower layers shows in it. */
export const OPAQUE_MARKER = ".wh..wh..opq";

/** What starts the names that AUFS keeps for itself: `.wh..wh.plnk`, `.wh..wh.aufs`, `.wh..wh.orph`. */
const PLUMBING_PREFIX = ".wh..wh.";

export type EntryRole = "plain" | "whiteout" | "opaque" | "plumbing";

/**
 * What an entry's normalised path makes of it, whatever its type: some published images store whiteouts as
 * hard links. Entries below a marker's name are plumbing too: no marker ever shows in a tree.
 */
export function entryRole(path: ByteString): EntryRole {
  if (!path.includes(WHITEOUT_PREFIX)) return "plain";
  const names = path.split("/");
  const last = names.pop() as ByteString;
  if (names.some((name) => name.startsWith(WHITEOUT_PREFIX))) return "plumbing";
  if (last === OPAQUE_MARKER) return "opaque";
  if (last.startsWith(PLUMBING_PREFIX)) return "plumbing";
  return last.startsWith(WHITEOUT_PREFIX) ? "whiteout" : "plain";
}
