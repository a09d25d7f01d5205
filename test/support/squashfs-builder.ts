import { deflateSync } from "node:zlib";
import {
  type Compressor,
  Compressor as CompressorCode,
  DIRECTORY_ENTRY,
  DIRECTORY_HEADER,
  DIRECTORY_INODE,
  EMPTY_LISTING,
  FRAGMENT_ENTRY,
  InodeType,
  METADATA_BLOCK_SIZE,
  METADATA_STORED,
  NO_FRAGMENT,
  NO_TABLE,
  NO_XATTRS,
  SQUASHFS_MAGIC,
  SUPERBLOCK,
  type Superblock,
  XATTR_TABLE_HEADER,
} from "../../src/squashfs/format.ts";

/** The parts of an image, to be put together without any check: for images that no writer would make. */
export interface ImageParts {
  readonly data?: Uint8Array;
  /** Inode table, decompressed. The root is the inode at `rootRef` (default: the first). */
  readonly inodes: Uint8Array;
  readonly directories?: Uint8Array;
  readonly inodeCount?: number;
  readonly rootRef?: number;
  readonly ids?: readonly number[];
  readonly fragments?: readonly { blockStart: bigint; blockSize: number }[];
  /** Refs by inode number; left out: no export table. */
  readonly exports?: readonly number[];
  /** Keys and values, and the ids that lead to them. */
  readonly xattrs?: { readonly keys: Uint8Array; readonly ids: Uint8Array; readonly count: number };
  readonly blockSize?: number;
  readonly compressor?: keyof typeof Compressor;
  /** Last changes to the superblock. */
  readonly superblock?: Partial<Superblock>;
  /** Turns 8192 bytes of a table into a metadata block; default stored. */
  readonly encode?: (block: Uint8Array) => Uint8Array;
}

const SUPERBLOCK_SIZE = SUPERBLOCK.size;

/** A metadata block with its bytes as they are. */
export function storedBlock(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([u16(METADATA_STORED | bytes.length), bytes]);
}

/** A metadata block of zlib. */
export function deflatedBlock(bytes: Uint8Array): Uint8Array {
  const packed = deflateSync(bytes);
  return Buffer.concat([u16(packed.length), packed]);
}

/** Puts an image together; data begins at byte 96. */
export function buildImage(parts: ImageParts): Uint8Array {
  const encode = parts.encode ?? storedBlock;
  const pieces: Uint8Array[] = [];
  let position = SUPERBLOCK_SIZE;
  const put = (bytes: Uint8Array): number => {
    pieces.push(bytes);
    position += bytes.length;
    return position - bytes.length;
  };
  const putMetadata = (bytes: Uint8Array): bigint[] => {
    const starts: bigint[] = [];
    for (let i = 0; i < bytes.length; i += METADATA_BLOCK_SIZE)
      starts.push(BigInt(put(encode(bytes.subarray(i, i + METADATA_BLOCK_SIZE)))));
    return starts;
  };
  const putTable = (bytes: Uint8Array): bigint => {
    const starts = putMetadata(bytes);
    return BigInt(put(concat(starts.map(u64))));
  };

  if (parts.data !== undefined) put(parts.data);
  const inodeTableStart = BigInt(position);
  putMetadata(parts.inodes);
  const directoryTableStart = BigInt(position);
  putMetadata(parts.directories ?? new Uint8Array(0));
  const fragments = parts.fragments ?? [];
  const fragmentTableStart =
    fragments.length === 0
      ? NO_TABLE
      : putTable(concat(fragments.map((entry) => FRAGMENT_ENTRY.encode({ ...entry, unused: 0 }))));
  const exportTableStart =
    parts.exports === undefined ? NO_TABLE : putTable(concat(parts.exports.map((ref) => u64(BigInt(ref)))));
  const ids = parts.ids ?? [0];
  const idTableStart = putTable(concat(ids.map(u32)));
  let xattrTableStart = NO_TABLE;
  if (parts.xattrs !== undefined) {
    const keysStart = BigInt(position);
    putMetadata(parts.xattrs.keys);
    const starts = putMetadata(parts.xattrs.ids);
    xattrTableStart = BigInt(put(XATTR_TABLE_HEADER.encode({ keysStart, idCount: parts.xattrs.count, unused: 0 })));
    put(concat(starts.map(u64)));
  }
  const blockSize = parts.blockSize ?? 4096;
  const superblock: Superblock = {
    magic: SQUASHFS_MAGIC,
    inodeCount: parts.inodeCount ?? 1,
    mtimeSec: 0,
    blockSize,
    fragmentCount: fragments.length,
    compressor: CompressorCode[parts.compressor ?? "gzip"],
    blockLog: Math.log2(blockSize),
    flags: 0,
    idCount: ids.length,
    versionMajor: 4,
    versionMinor: 0,
    rootInode: BigInt(parts.rootRef ?? 0),
    bytesUsed: BigInt(position),
    idTableStart,
    xattrTableStart,
    inodeTableStart,
    directoryTableStart,
    fragmentTableStart,
    exportTableStart,
    ...parts.superblock,
  };
  return concat([SUPERBLOCK.encode(superblock), ...pieces]);
}

/** A basic directory inode: 32 bytes. */
export function directoryInode(
  inodeNumber: number,
  listingSize: number,
  listingOffset = 0,
  blockStart = 0,
): Uint8Array {
  return DIRECTORY_INODE.encode({
    ...inodeHeader(InodeType.directory, inodeNumber),
    blockStart,
    linkCount: 2,
    fileSize: listingSize + EMPTY_LISTING,
    blockOffset: listingOffset,
    parentInode: 0,
  });
}

export function inodeHeader(type: number, inodeNumber: number) {
  return { type, mode: 0o755, uidIndex: 0, gidIndex: 0, mtimeSec: 0, inodeNumber };
}

export interface ListedEntry {
  readonly name: string;
  readonly type: number;
  readonly inodeNumber: number;
  /** In the inode table's first block. */
  readonly offset: number;
}

/** A run of a listing, its count as given or as it is. */
export function listing(entries: readonly ListedEntry[], countLess1: number = entries.length - 1): Uint8Array {
  const pieces = [DIRECTORY_HEADER.encode({ countLess1, blockStart: 0, inodeNumber: 1 })];
  for (const { name, type, inodeNumber, offset } of entries) {
    const bytes = Buffer.from(name, "latin1");
    const record = { blockOffset: offset, inodeDelta: inodeNumber - 1, type, nameSizeLess1: bytes.length - 1 };
    pieces.push(DIRECTORY_ENTRY.encode(record), bytes);
  }
  return concat(pieces);
}

/** The entry of the only file in a root: its inode lies behind the root's. */
export const ENTRY: ListedEntry = { name: "a", type: InodeType.file, inodeNumber: 2, offset: 32 };

/** That file's inode: 4096 bytes, which lie behind the superblock. */
export const FILE = {
  ...inodeHeader(InodeType.file, 2),
  blocksStart: 96,
  fragmentIndex: NO_FRAGMENT,
  fragmentOffset: 0,
  fileSize: 4096,
};

/** The same in the extended form. */
export const EXTENDED_FILE = {
  ...inodeHeader(InodeType.extendedFile, 2),
  blocksStart: 96n,
  fileSize: 4096n,
  sparseSize: 0n,
  linkCount: 1,
  fragmentIndex: NO_FRAGMENT,
  fragmentOffset: 0,
  xattrIndex: NO_XATTRS,
};

/** An image whose root has these entries, and the inodes behind it from byte 32 on. */
export function withRoot(entries: Uint8Array, inodes: Uint8Array, rest: Partial<ImageParts> = {}): Uint8Array {
  return buildImage({
    inodes: concat([directoryInode(1, entries.length), inodes]),
    directories: entries,
    inodeCount: 2,
    ...rest,
  });
}

export function concat(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces));
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >>> 8);
}

export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export function u64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}
