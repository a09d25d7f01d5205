import type { ByteString } from "../bytes/byte-string.ts";
import type { BodyPart, Xattr } from "../bytes/file-body.ts";
import type { Hash128 } from "../bytes/hash128.ts";

export const EntryKind = {
  file: "file",
  directory: "directory",
  symlink: "symlink",
  hardlink: "hardlink",
  charDevice: "charDevice",
  blockDevice: "blockDevice",
  fifo: "fifo",
} as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

/** One entry of a layer tar, exactly as its bytes say; nothing is normalised yet. */
export interface TarEntry {
  readonly path: ByteString;
  readonly kind: EntryKind;
  /** Permission bits with set-uid, set-gid and sticky: 0–0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds, clamped to 0…2^32−1 (squashfs's range); fractions dropped. */
  readonly mtimeSec: number;
  /** Bytes of content, holes included; 0 for all but files. */
  readonly size: number;
  /** Target of a symlink or hard link, else "". */
  readonly linkName: ByteString;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: readonly Xattr[];
  /** Where the entry's first header block (extended headers included) begins in the tar stream. */
  readonly offset: number;
  /** XXH128 of the whole content, where a layer's thread has computed it: of files of 1 byte to 128 KiB. */
  readonly contentHash?: Hash128 | undefined;
  /**
   * The content, once. Parts add up to `size`. What is not read is skipped when the next entry is asked for.
   */
  body(): AsyncIterable<BodyPart>;
  /** The whole content if it is at hand without waiting (a small file inside the current chunk), else undefined; counts as reading it. */
  bodyIfBuffered(): Uint8Array | undefined;
}

/** What an entry's headers come to: all but the content. */
export type EntryFields = Omit<TarEntry, "body" | "bodyIfBuffered">;
