import type { ByteString } from "../bytes/byte-string.ts";

const SCHILY = "SCHILY.xattr.";
const LIBARCHIVE = "LIBARCHIVE.xattr.";

/**
 * Takes an extended attribute's record, in either of the two ways they are written, into `into`; tells
 * whether it was one. `SCHILY.xattr.NAME` (star, GNU tar, Go) has the raw bytes. `LIBARCHIVE.xattr.NAME`
 * (bsdtar) has them in base64 under a percent-encoded name, mostly next to the former, which wins.
 */
export function decodeXattr(keyword: string, value: Buffer, into: Map<ByteString, Uint8Array>): boolean {
  if (keyword.startsWith(SCHILY)) {
    // The record is borrowed; the attribute outlives it.
    into.set(unescapeGnu(keyword.slice(SCHILY.length)), Uint8Array.from(value));
    return true;
  }
  if (keyword.startsWith(LIBARCHIVE)) {
    const name = unescapePercent(keyword.slice(LIBARCHIVE.length));
    if (!into.has(name))
      into.set(name, Uint8Array.from(Buffer.from(value.toString("latin1", 0, value.length), "base64")));
    return true;
  }
  return false;
}

/** A keyword cannot hold "=", so GNU tar (1.29 and later) writes %3D for it, and %25 for "%". */
function unescapeGnu(name: string): ByteString {
  return name.includes("%") ? name.replace(/%3D|%25/g, (code) => (code === "%3D" ? "=" : "%")) : name;
}

function unescapePercent(name: string): ByteString {
  return name.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
