import { Readable } from "node:stream";
import type { ByteString } from "../../bytes/byte-string.ts";
import type { BodyPart, Xattr } from "../../bytes/file-body.ts";
import type { RandomAccess } from "../../bytes/random-access.ts";
import { loadDecompressor } from "../decompressors.ts";
import { METADATA_STORED, SUPERBLOCK, SuperblockFlag } from "../format.ts";
import { type FileBlock, fileBlocks } from "./block-list.ts";
import type { DataBlock } from "./data-block.ts";
import { type DirectoryEntry, DirectoryTable } from "./directory-table.ts";
import { SquashfsReadError } from "./errors.ts";
import { type ContentRange, fileParts, withoutHoles } from "./file-content.ts";
import { FragmentTable } from "./fragment-table.ts";
import { IdTable } from "./id-table.ts";
import type { ImageContext } from "./image-context.ts";
import type { DirectoryInode, FileInode, Inode } from "./inode.ts";
import { InodeTable } from "./inode-table.ts";
import { type FollowSymlinks, lookupPath } from "./lookup-path.ts";
import { MetadataRegion } from "./metadata.ts";
import { type ContentTables, type RawFragmentBlock, type RawPiece, rawPieces } from "./raw-blocks.ts";
import { ReadAhead } from "./read-ahead.ts";
import { type ImageHeader, readSuperblock } from "./superblock.ts";
import { type ImageTables, openTables } from "./tables.ts";
import type { VerifyOptions, VerifyResult } from "./verify-content.ts";
import { entryInodeAtHand, readEntryInode, type WalkEntry, walkTree } from "./walk.ts";
import { XattrTable } from "./xattr-table.ts";

/** How a path is looked up. */
export interface LookupOptions {
  /**
   * Follow symlinks inside the image, the last component's too, or only those on the way (`parents`). Default
   * false: then a symlink on the way is `NOT_A_DIRECTORY`.
   */
  readonly follow?: FollowSymlinks;
  /** The directory that stands for the root: the path begins there, and neither `..` nor a symlink leads out of it. */
  readonly from?: DirectoryInode;
}

/** How much is read at once. */
export interface ReadWholeOptions {
  /** Most bytes to take into memory; default 16 MiB. */
  readonly limit?: number;
  /** What an error calls a file that is given as an inode. */
  readonly name?: string;
}

/** A stretch of the image. */
export interface DataArea {
  readonly start: number;
  /** Behind its last byte. */
  readonly end: number;
}

/** In front of each metadata block: its size, and whether it is stored. */
const METADATA_HEADER_SIZE = 2;

const MAX_WHOLE_SIZE: number = 16 * 1024 * 1024;

/**
 * A SquashFS 4.0 image, read in place: only what is asked for is read and decompressed. Paths are byte strings
 * from the root; leading, trailing and double slashes do not matter. All methods throw SquashfsReadError where
 * the image is damaged, and what the source throws. Calls may overlap.
 */
export class SquashfsImage {
  /** The superblock. */
  readonly header: ImageHeader;
  readonly #context: ImageContext;
  readonly #tables: ImageTables;
  readonly #inodes: InodeTable;
  readonly #directories: DirectoryTable;
  readonly #xattrs: XattrTable;
  readonly #content: ContentTables;

  private constructor(context: ImageContext, tables: ImageTables) {
    this.header = context.header;
    this.#context = context;
    this.#tables = tables;
    this.#inodes = new InodeTable(context, tables.inodes, tables.directories, new IdTable(tables.ids));
    this.#directories = new DirectoryTable(context, tables.directories, tables.inodes);
    this.#xattrs = new XattrTable(context, tables.xattrs);
    const fragments = new FragmentTable(context, tables.fragments, tables.dataEnd);
    this.#content = { context, inodes: tables.inodes, fragments, dataEnd: tables.dataEnd };
  }

  /**
   * Reads the superblock and checks where the tables stand. The source stays the caller's to close.
   * @throws SquashfsReadError `NOT_SQUASHFS`, `VERSION_UNSUPPORTED`, `COMPRESSOR_UNSUPPORTED`,
   *   `SUPERBLOCK_INVALID`, `IMAGE_TRUNCATED`, `TABLE_MISPLACED`
   */
  static async open(source: RandomAccess): Promise<SquashfsImage> {
    const header = await readSuperblock(source);
    const decompressor = await loadDecompressor(header.compressor);
    if (decompressor === undefined)
      throw new SquashfsReadError("COMPRESSOR_UNSUPPORTED", { source: source.name, compressor: header.compressor });
    const context = { source, header, decompressor, readAhead: new ReadAhead(source, header.bytesUsed) };
    return new SquashfsImage(context, await openTables(context));
  }

  /** The root directory. */
  async root(): Promise<DirectoryInode> {
    const inode = await this.#inodes.read(this.header.rootRef);
    return this.#asDirectory(inode, "");
  }

  /** What a path leads to; `undefined` where there is no such name. Reads only the directories on the way. */
  async lookup(path: ByteString, options: LookupOptions = {}): Promise<Inode | undefined> {
    const tables = { context: this.#context, directories: this.#directories, inodes: this.#inodes };
    return lookupPath(tables, options.from ?? (await this.root()), path, options.follow ?? false);
  }

  /** As {@link lookup}, but a missing name is the error `NOT_FOUND`. */
  async stat(path: ByteString, options: LookupOptions = {}): Promise<Inode> {
    const inode = await this.lookup(path, options);
    if (inode === undefined) throw new SquashfsReadError("NOT_FOUND", { source: this.#context.source.name, path });
    return inode;
  }

  /** The inode at a ref, as directory entries and the export table give it. */
  async inodeAt(ref: number): Promise<Inode> {
    return this.#inodes.read(ref);
  }

  /** Names in a directory, in bytewise order. */
  async *readdir(directory: ByteString | DirectoryInode): AsyncGenerator<DirectoryEntry, void, void> {
    const inode = typeof directory === "string" ? this.#asDirectory(await this.stat(directory), directory) : directory;
    for await (const run of this.#directories.runs(inode)) yield* run.entries;
  }

  /** As {@link readdir}, with what the names lead to; at most 256 at a time, as they stand in the listing. */
  async *entries(directory: DirectoryInode): AsyncGenerator<readonly WalkEntry[], void, void> {
    const tables = { context: this.#context, directories: this.#directories, inodes: this.#inodes };
    for await (const { entries } of this.#directories.runs(directory)) {
      const found: WalkEntry[] = [];
      for (const entry of entries) {
        const inode = entryInodeAtHand(tables, entry) ?? (await readEntryInode(tables, entry));
        found.push({ path: entry.name, inode });
      }
      yield found;
    }
  }

  /** A directory and all below it: directories first, names in bytewise order, hard links once for each name. An inode's paths begin below it. */
  async *walk(
    directory: ByteString | DirectoryInode = "",
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<WalkEntry, void, void> {
    const path = typeof directory === "string" ? directory.split("/").filter(Boolean).join("/") : "";
    const root = typeof directory === "string" ? this.#asDirectory(await this.stat(path), path) : directory;
    const tables = { context: this.#context, directories: this.#directories, inodes: this.#inodes };
    yield* walkTree(tables, root, path, options.signal);
  }

  /** A file's content, a block at a time, holes as holes. Parts are borrowed until the next one is asked for. */
  async *fileParts(file: ByteString | FileInode, range: ContentRange = {}): AsyncGenerator<BodyPart, void, void> {
    yield* fileParts(this.#content, await this.#asFile(file), range);
  }

  /** A file's content as a stream of bytes, holes as zeros. Symlinks in a path are followed. */
  readFile(file: ByteString | FileInode, range: ContentRange = {}): Readable {
    const chunks = withoutHoles(this.fileParts(file, range));
    return Readable.from(chunks, { objectMode: false, highWaterMark: this.header.blockSize });
  }

  /** A small file's content, whole. */
  async readWhole(file: ByteString | FileInode, options: ReadWholeOptions = {}): Promise<Uint8Array> {
    const inode = await this.#asFile(file);
    const limit = options.limit ?? MAX_WHOLE_SIZE;
    if (inode.size > limit)
      throw new SquashfsReadError("FILE_TOO_LARGE", {
        source: this.#context.source.name,
        path: typeof file === "string" ? file : (options.name ?? `inode ${inode.inodeNumber}`),
        seen: inode.size,
        limit,
      });
    const content = new Uint8Array(inode.size);
    let position = 0;
    for await (const part of fileParts(this.#content, inode)) {
      if (part instanceof Uint8Array) content.set(part, position);
      position += part instanceof Uint8Array ? part.length : part.zeros;
    }
    return content;
  }

  /** Target of a symlink. */
  async readlink(path: ByteString): Promise<ByteString> {
    const inode = await this.stat(path);
    if (inode.kind === "symlink") return inode.target;
    throw new SquashfsReadError("NOT_A_SYMLINK", { source: this.#context.source.name, path, seen: inode.kind });
  }

  /** Extended attributes, in the image's order. */
  async xattrs(file: ByteString | Inode): Promise<readonly Xattr[]> {
    const inode = typeof file === "string" ? await this.stat(file) : file;
    return inode.xattrIndex === undefined ? [] : this.#xattrs.read(inode.xattrIndex);
  }

  /** A file as it lies on disk: compressed blocks, holes and the place of its tail. For taking blocks over. */
  async *rawPieces(file: FileInode): AsyncGenerator<RawPiece, void, void> {
    yield* rawPieces(this.#content, file);
  }

  /** Where a file's own blocks stand, in batches in their order, holes between them; nothing of them is read. */
  async *fileBlocks(file: FileInode): AsyncGenerator<readonly FileBlock[], void, void> {
    const { context, inodes, dataEnd } = this.#content;
    yield* fileBlocks(context, inodes, file, dataEnd, { first: 0, end: Number.POSITIVE_INFINITY });
  }

  /** Where fragment block `index` stands; nothing of it is read. */
  async fragmentBlock(index: number): Promise<DataBlock> {
    return this.#content.fragments.block(index);
  }

  /** Where blocks of data stand: behind the superblock and the compressor's options, in front of the tables. */
  async dataArea(): Promise<DataArea> {
    let start: number = SUPERBLOCK.size;
    if ((this.header.flags & SuperblockFlag.compressorOptions) !== 0) {
      const word = await this.#context.source.read(start, METADATA_HEADER_SIZE);
      start += METADATA_HEADER_SIZE + (Buffer.from(word).readUInt16LE() & (METADATA_STORED - 1));
    }
    const end = this.#tables.dataEnd;
    return { start: Math.min(start, end), end };
  }

  /** Bytes of the data area as they lie on disk, whatever they are; borrowed, from `room` where that was used. */
  async readRaw(offset: number, size: number, room?: Uint8Array): Promise<Uint8Array> {
    return this.#context.source.read(offset, size, room);
  }

  /** A fragment block as it lies on disk. */
  async rawFragmentBlock(index: number): Promise<RawFragmentBlock> {
    const { offset, diskSize, stored } = await this.#content.fragments.block(index);
    return { offset, stored, bytes: await this.#context.source.read(offset, diskSize) };
  }

  /**
   * The compressor's options as they are stored, where the image has some. Whoever takes blocks of xz over must
   * take these over too: Linux sizes its dictionary by them.
   */
  async compressorOptions(): Promise<Uint8Array | undefined> {
    if ((this.header.flags & SuperblockFlag.compressorOptions) === 0) return undefined;
    const region = new MetadataRegion(this.#context, "compressor options", SUPERBLOCK.size, this.#tables.dataEnd);
    const { data } = await region.block(SUPERBLOCK.size);
    return new Uint8Array(data);
  }

  /**
   * Reads the whole image: every block of every table and file decompresses, and what is said twice agrees.
   * @throws SquashfsReadError at the first fault; `CONTENT_MISMATCH` where parts disagree
   */
  async verifyContent(options: VerifyOptions = {}): Promise<VerifyResult> {
    const parts = {
      context: this.#context,
      tables: this.#tables,
      inodes: this.#inodes,
      directories: this.#directories,
      xattrs: this.#xattrs,
      content: this.#content,
    };
    await this.compressorOptions();
    // Loaded only here: most images are opened for some files.
    const { verifyImage } = await import("./verify-content.ts");
    return verifyImage(parts, await this.root(), options);
  }

  #asDirectory(inode: Inode, path: ByteString): DirectoryInode {
    if (inode.kind === "directory") return inode;
    throw new SquashfsReadError("NOT_A_DIRECTORY", { source: this.#context.source.name, path, seen: inode.kind });
  }

  async #asFile(file: ByteString | FileInode): Promise<FileInode> {
    if (typeof file !== "string") return file;
    const inode = await this.stat(file, { follow: true });
    if (inode.kind === "file") return inode;
    throw new SquashfsReadError("NOT_A_FILE", { source: this.#context.source.name, path: file, seen: inode.kind });
  }
}
