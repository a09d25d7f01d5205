/**
 * Reads and writes SquashFS 4.0 images: the writer takes contents as a stream and a tree at the end, the
 * reader looks up and reads without unpacking.
 * @packageDocumentation
 */
export { bytesAccess, openFileAccess, type RandomAccess, windowAccess } from "./bytes/random-access.ts";
export type { ContentStore } from "./fstree/content.ts";
export { type InodeAttributes, InodeKind } from "./fstree/inodes.ts";
export { FsTree } from "./fstree/tree.ts";
export { SquashfsError, type SquashfsErrorCode } from "./squashfs/errors.ts";
export { SquashfsReadError, type SquashfsReadErrorCode } from "./squashfs/reader/errors.ts";
export { SquashfsImage } from "./squashfs/reader/image.ts";
export type { Inode } from "./squashfs/reader/inode.ts";
export type { WalkEntry } from "./squashfs/reader/walk.ts";
export { type SquashfsReport, SquashfsWriter, type SquashfsWriterOptions } from "./squashfs/writer.ts";
export { type BlockEncoderOptions, createBlockEncoder } from "./wasm/create-block-encoder.ts";
