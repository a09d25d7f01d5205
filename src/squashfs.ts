/**
 * Reads and writes SquashFS 4.0 images: the writer takes contents as a stream and a tree at the end, the
 * reader looks up and reads without unpacking.
 * @packageDocumentation
 */
export type { ByteString } from "./bytes/byte-string.ts";
export type { BodyPart, Hole, Xattr } from "./bytes/file-body.ts";
export type { Hash128 } from "./bytes/hash128.ts";
export type { Lease } from "./bytes/lease.ts";
export { bytesAccess, openFileAccess, type RandomAccess, windowAccess } from "./bytes/random-access.ts";
export type { ContentId, ContentStore } from "./fstree/content.ts";
export { type InodeAttributes, type InodeId, InodeKind, InodeTable } from "./fstree/inodes.ts";
export { FsTree, type NodeId } from "./fstree/tree.ts";
export { type HttpAccessOptions, openHttpAccess } from "./source/http-access.ts";
export type { AdoptedData } from "./squashfs/adopt-data.ts";
export type { AdoptedFiles } from "./squashfs/adopted-extents.ts";
export { SquashfsError, type SquashfsErrorCode } from "./squashfs/errors.ts";
export type { FileBlock } from "./squashfs/reader/block-list.ts";
export type { DataBlock } from "./squashfs/reader/data-block.ts";
export type { DirectoryEntry } from "./squashfs/reader/directory-table.ts";
export { SquashfsReadError, type SquashfsReadErrorCode } from "./squashfs/reader/errors.ts";
export type { ContentRange } from "./squashfs/reader/file-content.ts";
export { type DataArea, type LookupOptions, type ReadWholeOptions, SquashfsImage } from "./squashfs/reader/image.ts";
export type {
  DeviceInode,
  DirectoryInode,
  FileInode,
  Inode,
  InodeKind as ReadInodeKind,
  IpcInode,
  SymlinkInode,
} from "./squashfs/reader/inode.ts";
export type { FollowSymlinks } from "./squashfs/reader/lookup-path.ts";
export type { RawFragmentBlock, RawPiece } from "./squashfs/reader/raw-blocks.ts";
export type { ImageHeader } from "./squashfs/reader/superblock.ts";
export type { VerifyOptions, VerifyResult } from "./squashfs/reader/verify-content.ts";
export type { WalkEntry } from "./squashfs/reader/walk.ts";
export type { ShareReport } from "./squashfs/share-ledger.ts";
export { type SquashfsReport, SquashfsWriter, type SquashfsWriterOptions } from "./squashfs/writer.ts";
export type { BlockEncoder, EncodedBlock, LentBlock } from "./wasm/block-encoder.ts";
export type { Compression } from "./wasm/compression.ts";
export { type ContentHash, type Core, type CoreOptions, loadCore, type StreamingHash } from "./wasm/core.ts";
export { type BlockEncoderOptions, createBlockEncoder } from "./wasm/create-block-encoder.ts";
