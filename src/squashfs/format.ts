/**
 * The records of SquashFS 4.0, little-endian, as Linux reads them (fs/squashfs/squashfs_fs.h). One table
 * per record serves the writer and the reader; what follows a record (names, block lists) is said beside it.
 */
import { type Field, type Struct, struct, u16, u32, u64 } from "../bytes/struct.ts";

/** The struct table has no signed 16-bit field, and only directory entries need one. */
const i16: Field<number> = {
  size: 2,
  read: (v, o) => v.getInt16(o, true),
  write: (v, o, x) => v.setInt16(o, x, true),
};

/** "hsqs". */
export const SQUASHFS_MAGIC = 0x73717368;
export const VERSION_MAJOR = 4;
export const VERSION_MINOR = 0;

export const Compressor = { gzip: 1, lzma: 2, lzo: 3, xz: 4, lz4: 5, zstd: 6 } as const;
export type Compressor = (typeof Compressor)[keyof typeof Compressor];

/** Bits of `Superblock.flags`. */
export const SuperblockFlag = {
  uncompressedInodes: 0x0001,
  uncompressedData: 0x0002,
  uncompressedFragments: 0x0008,
  noFragments: 0x0010,
  alwaysFragments: 0x0020,
  duplicates: 0x0040,
  exportable: 0x0080,
  uncompressedXattrs: 0x0100,
  noXattrs: 0x0200,
  compressorOptions: 0x0400,
  uncompressedIds: 0x0800,
} as const;

export interface Superblock {
  magic: number;
  inodeCount: number;
  mtimeSec: number;
  blockSize: number;
  fragmentCount: number;
  compressor: number;
  /** log2 of `blockSize`; readers check that the two agree. */
  blockLog: number;
  flags: number;
  idCount: number;
  versionMajor: number;
  versionMinor: number;
  /** An inode ref: {@link inodeRef}. */
  rootInode: bigint;
  /** End of the last table; the padding behind it does not count. */
  bytesUsed: bigint;
  idTableStart: bigint;
  /** {@link NO_TABLE} where no file has attributes. */
  xattrTableStart: bigint;
  inodeTableStart: bigint;
  directoryTableStart: bigint;
  fragmentTableStart: bigint;
  /** {@link NO_TABLE} where it is not exportable. */
  exportTableStart: bigint;
}

/** At byte 0; 96 bytes. With `compressorOptions` a stored metadata block of options follows at byte 96. */
export const SUPERBLOCK: Struct<Superblock> = struct<Superblock>({
  magic: u32,
  inodeCount: u32,
  mtimeSec: u32,
  blockSize: u32,
  fragmentCount: u32,
  compressor: u16,
  blockLog: u16,
  flags: u16,
  idCount: u16,
  versionMajor: u16,
  versionMinor: u16,
  rootInode: u64,
  bytesUsed: u64,
  idTableStart: u64,
  xattrTableStart: u64,
  inodeTableStart: u64,
  directoryTableStart: u64,
  fragmentTableStart: u64,
  exportTableStart: u64,
});

/** A table that is not there. */
export const NO_TABLE = 0xffff_ffff_ffff_ffffn;

/** Least block size of SquashFS 4.0, in bytes. */
export const MIN_BLOCK_SIZE = 4096;
/** Greatest block size of SquashFS 4.0, in bytes. */
export const MAX_BLOCK_SIZE = 0x10_0000;
/** mksquashfs's, too: larger compresses better by a few percent, smaller spares readers who seek. */
export const DEFAULT_BLOCK_SIZE: number = 128 * 1024;
/** The whole file is padded to this with zeros, for loop devices. */
export const PADDING = 4096;

export interface Lz4Options {
  /** 1: the legacy format, the only one. */
  version: number;
  /** Bit 0: made with LZ4_HC. */
  flags: number;
}
/** LZ4 always carries its options. */
export const LZ4_OPTIONS: Struct<Lz4Options> = struct<Lz4Options>({ version: u32, flags: u32 });

/** Most bytes of a metadata block once decompressed; all but a table's last block have exactly these. */
export const METADATA_BLOCK_SIZE = 8192;
/** Bit of a metadata block's u16 header: the bytes are stored. The rest is their size on disk, never 0. */
export const METADATA_STORED = 0x8000;
/** Bit of a data or fragment block's u32 size: the bytes are stored. A size of 0 is a hole of a block. */
export const DATA_STORED = 0x100_0000;

/**
 * Type codes of inodes, also in directory entries, which name the basic type even where the inode is extended.
 */
export const InodeType = {
  directory: 1,
  file: 2,
  symlink: 3,
  blockDevice: 4,
  charDevice: 5,
  fifo: 6,
  socket: 7,
  extendedDirectory: 8,
  extendedFile: 9,
  extendedSymlink: 10,
  extendedBlockDevice: 11,
  extendedCharDevice: 12,
  extendedFifo: 13,
  extendedSocket: 14,
} as const;
export type InodeType = (typeof InodeType)[keyof typeof InodeType];
/** Extended type = basic type + this. */
export const EXTENDED = 7;

/** `fragmentIndex` of a file without a tail in a fragment block. */
export const NO_FRAGMENT = 0xffff_ffff;
/** `xattrIndex` of an inode without attributes. */
export const NO_XATTRS = 0xffff_ffff;

/** What every inode begins with; 16 bytes. */
export interface InodeHeader {
  type: number;
  /** 07777 only: the type stands in `type`. */
  mode: number;
  uidIndex: number;
  gidIndex: number;
  mtimeSec: number;
  /** From 1. */
  inodeNumber: number;
}
const header = {
  type: u16,
  mode: u16,
  uidIndex: u16,
  gidIndex: u16,
  mtimeSec: u32,
  inodeNumber: u32,
};
export const INODE_HEADER: Struct<InodeHeader> = struct<InodeHeader>(header);

export interface DirectoryInode extends InodeHeader {
  /** Metadata block of the listing, from the directory table's start. */
  blockStart: number;
  /** 2 + number of directories in it. */
  linkCount: number;
  /** Bytes of the listing + {@link EMPTY_LISTING}. */
  fileSize: number;
  /** Of the listing in the metadata block, decompressed. */
  blockOffset: number;
  /** Of the root: inode count + 1. */
  parentInode: number;
}
export const DIRECTORY_INODE: Struct<DirectoryInode> = struct<DirectoryInode>({
  ...header,
  blockStart: u32,
  linkCount: u32,
  fileSize: u16,
  blockOffset: u16,
  parentInode: u32,
});

/** What a listing's size counts for "." and "..", which are not stored. */
export const EMPTY_LISTING = 3;

export interface ExtendedDirectoryInode extends InodeHeader {
  linkCount: number;
  fileSize: number;
  blockStart: number;
  parentInode: number;
  /** Number of {@link DIRECTORY_INDEX} records that follow, each with its name. */
  indexCount: number;
  blockOffset: number;
  xattrIndex: number;
}
export const EXTENDED_DIRECTORY_INODE: Struct<ExtendedDirectoryInode> = struct<ExtendedDirectoryInode>({
  ...header,
  linkCount: u32,
  fileSize: u32,
  blockStart: u32,
  parentInode: u32,
  indexCount: u16,
  blockOffset: u16,
  xattrIndex: u32,
});

export interface DirectoryIndex {
  /** Offset in the listing, of a {@link DIRECTORY_HEADER}. */
  listingOffset: number;
  /** Its metadata block, from the directory table's start. */
  blockStart: number;
  /** Bytes of the name that follows, less one: the first entry behind the header. */
  nameSize: number;
}
export const DIRECTORY_INDEX: Struct<DirectoryIndex> = struct<DirectoryIndex>({
  listingOffset: u32,
  blockStart: u32,
  nameSize: u32,
});

/** Followed by a u32 for each full block; and one for the tail unless that is in a fragment. */
export interface FileInode extends InodeHeader {
  blocksStart: number;
  fragmentIndex: number;
  fragmentOffset: number;
  fileSize: number;
}
export const FILE_INODE: Struct<FileInode> = struct<FileInode>({
  ...header,
  blocksStart: u32,
  fragmentIndex: u32,
  fragmentOffset: u32,
  fileSize: u32,
});

/** Followed by the block list as in {@link FILE_INODE}. */
export interface ExtendedFileInode extends InodeHeader {
  blocksStart: bigint;
  fileSize: bigint;
  /** Bytes of holes, for `st_blocks`. */
  sparseSize: bigint;
  linkCount: number;
  fragmentIndex: number;
  fragmentOffset: number;
  xattrIndex: number;
}
export const EXTENDED_FILE_INODE: Struct<ExtendedFileInode> = struct<ExtendedFileInode>({
  ...header,
  blocksStart: u64,
  fileSize: u64,
  sparseSize: u64,
  linkCount: u32,
  fragmentIndex: u32,
  fragmentOffset: u32,
  xattrIndex: u32,
});

/** Followed by the target; where extended, by a u32 xattr index behind that. */
export interface SymlinkInode extends InodeHeader {
  linkCount: number;
  targetSize: number;
}
export const SYMLINK_INODE: Struct<SymlinkInode> = struct<SymlinkInode>({ ...header, linkCount: u32, targetSize: u32 });

export interface DeviceInode extends InodeHeader {
  linkCount: number;
  /** {@link encodeDevice}. */
  device: number;
}
export const DEVICE_INODE: Struct<DeviceInode> = struct<DeviceInode>({ ...header, linkCount: u32, device: u32 });

export interface ExtendedDeviceInode extends DeviceInode {
  xattrIndex: number;
}
export const EXTENDED_DEVICE_INODE: Struct<ExtendedDeviceInode> = struct<ExtendedDeviceInode>({
  ...header,
  linkCount: u32,
  device: u32,
  xattrIndex: u32,
});

/** A fifo or a socket. */
export interface IpcInode extends InodeHeader {
  linkCount: number;
}
export const IPC_INODE: Struct<IpcInode> = struct<IpcInode>({ ...header, linkCount: u32 });

export interface ExtendedIpcInode extends IpcInode {
  xattrIndex: number;
}
export const EXTENDED_IPC_INODE: Struct<ExtendedIpcInode> = struct<ExtendedIpcInode>({
  ...header,
  linkCount: u32,
  xattrIndex: u32,
});

/** A run of entries whose inodes are in one metadata block. */
export interface DirectoryHeader {
  /** Entries that follow, less one: at most {@link MAX_RUN}. */
  countLess1: number;
  /** Metadata block of their inodes, from the inode table's start. */
  blockStart: number;
  /** What `inodeDelta` counts from. */
  inodeNumber: number;
}
export const DIRECTORY_HEADER: Struct<DirectoryHeader> = struct<DirectoryHeader>({
  countLess1: u32,
  blockStart: u32,
  inodeNumber: u32,
});
/** Most entries behind one header. */
export const MAX_RUN = 256;

/** Followed by the name. */
export interface DirectoryEntry {
  /** Of the inode in its metadata block, decompressed. */
  blockOffset: number;
  inodeDelta: number;
  /** Basic {@link InodeType}. */
  type: number;
  nameSizeLess1: number;
}
export const DIRECTORY_ENTRY: Struct<DirectoryEntry> = struct<DirectoryEntry>({
  blockOffset: u16,
  inodeDelta: i16,
  type: u16,
  nameSizeLess1: u16,
});
export const MAX_NAME_SIZE = 255;
/** Linux reads a symlink's target into one page, with its NUL. */
export const MAX_TARGET_SIZE = 4095;

export interface FragmentEntry {
  blockStart: bigint;
  /** As in a block list: bit {@link DATA_STORED}. */
  blockSize: number;
  unused: number;
}
export const FRAGMENT_ENTRY: Struct<FragmentEntry> = struct<FragmentEntry>({
  blockStart: u64,
  blockSize: u32,
  unused: u32,
});

/** Where the xattr lookup table begins; followed by a u64 for each of its metadata blocks. */
export interface XattrTableHeader {
  /** First metadata block of keys and values. */
  keysStart: bigint;
  idCount: number;
  unused: number;
}
export const XATTR_TABLE_HEADER: Struct<XattrTableHeader> = struct<XattrTableHeader>({
  keysStart: u64,
  idCount: u32,
  unused: u32,
});

/** An inode's attributes. */
export interface XattrId {
  /** Metadata block from `keysStart` << 16 | offset in it. */
  reference: bigint;
  count: number;
  /** Bytes of names with their prefixes and NULs and of values: what listing them returns. */
  size: number;
}
export const XATTR_ID: Struct<XattrId> = struct<XattrId>({ reference: u64, count: u32, size: u32 });

/** Followed by the name without its prefix; then {@link XATTR_VALUE}. */
export interface XattrKey {
  /** {@link XattrPrefix}, and {@link XATTR_OUT_OF_LINE}. */
  type: number;
  nameSize: number;
}
export const XATTR_KEY: Struct<XattrKey> = struct<XattrKey>({ type: u16, nameSize: u16 });

/** Followed by the value; out of line by 8 bytes: a u64 reference to another `XATTR_VALUE` and its bytes. */
export interface XattrValue {
  valueSize: number;
}
export const XATTR_VALUE: Struct<XattrValue> = struct<XattrValue>({ valueSize: u32 });

export const XattrPrefix = { user: 0, trusted: 1, security: 2 } as const;
export type XattrPrefix = (typeof XattrPrefix)[keyof typeof XattrPrefix];
export const XATTR_OUT_OF_LINE = 0x100;

/** Inode refs (u64) in one metadata block of the export table. */
export const EXPORTS_PER_BLOCK: number = METADATA_BLOCK_SIZE / 8;
/** `idCount` is a u16. */
export const MAX_IDS = 0xffff;

/** An inode's place: its metadata block (from the inode table's start) and its offset in that, decompressed. */
export function inodeRef(blockStart: number, blockOffset: number): bigint {
  return (BigInt(blockStart) << 16n) | BigInt(blockOffset);
}

/** As Linux's new_encode_dev packs a device number: 12 bits of major, 20 of minor. */
export function encodeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** The reverse of {@link encodeDevice}. */
export function decodeDevice(device: number): { readonly major: number; readonly minor: number } {
  return { major: (device >>> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}
