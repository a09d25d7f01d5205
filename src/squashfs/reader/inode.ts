import type { ByteString } from "../../bytes/byte-string.ts";
import { InodeType } from "../format.ts";
import type { MetadataPlace } from "./metadata.ts";

/** Kinds of files, under the names that tar entries have; sockets beside them. */
export type InodeKind = "file" | "directory" | "symlink" | "charDevice" | "blockDevice" | "fifo" | "socket";

/** What every inode has. Basic and extended types read alike: where a basic one lacks a field it has its default. */
export interface InodeBase {
  /** Place in the inode table, which names the inode for as long as the image is unchanged: fewer than 2^48. */
  readonly ref: number;
  /** 1…inodeCount; hard links share it. */
  readonly inodeNumber: number;
  /** Permission bits with set-uid, set-gid and sticky: 0–0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970, unsigned. */
  readonly mtimeSec: number;
  readonly linkCount: number;
  /** Of its attributes in the xattr table; `undefined` for none. */
  readonly xattrIndex: number | undefined;
}

/** A regular file: where its blocks and its tail lie. */
export interface FileInode extends InodeBase {
  readonly kind: "file";
  readonly size: number;
  /** Where its first data block stands in the image. */
  readonly blocksStart: number;
  /** The tail, where it is in a fragment block. */
  readonly fragment: { readonly index: number; readonly offset: number } | undefined;
  /** Bytes of holes as the image says (extended inodes), else 0. */
  readonly sparseSize: number;
  /** @internal where the sizes of its blocks stand */
  readonly blockList: MetadataPlace;
}

/** A directory: where its listing lies. */
export interface DirectoryInode extends InodeBase {
  readonly kind: "directory";
  /** Bytes of its listing. */
  readonly listingSize: number;
  readonly parentInodeNumber: number;
  /** Number of index records; 0 in small directories. */
  readonly indexCount: number;
  /** @internal */
  readonly listing: MetadataPlace;
  /** @internal */
  readonly index: MetadataPlace;
}

/** A symbolic link with its target. */
export interface SymlinkInode extends InodeBase {
  readonly kind: "symlink";
  readonly target: ByteString;
}

/** A block or character device. */
export interface DeviceInode extends InodeBase {
  readonly kind: "charDevice" | "blockDevice";
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

/** A FIFO or socket. */
export interface IpcInode extends InodeBase {
  readonly kind: "fifo" | "socket";
}

/** An inode of any kind; `kind` tells which. */
export type Inode = FileInode | DirectoryInode | SymlinkInode | DeviceInode | IpcInode;

/** The kind that a basic type code means, as it stands in directory entries. */
export const KIND_OF_TYPE: Readonly<Record<number, InodeKind>> = {
  [InodeType.directory]: "directory",
  [InodeType.file]: "file",
  [InodeType.symlink]: "symlink",
  [InodeType.blockDevice]: "blockDevice",
  [InodeType.charDevice]: "charDevice",
  [InodeType.fifo]: "fifo",
  [InodeType.socket]: "socket",
};
