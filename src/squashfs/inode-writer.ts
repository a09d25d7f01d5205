import type { ByteString } from "../bytes/byte-string.ts";
import { InternalError } from "../errors.ts";
import { type InodeId, InodeKind, type InodeTable } from "../fstree/inodes.ts";
import type { NodeId } from "../fstree/tree.ts";
import type { BlockCodec } from "../wasm/block-codec.ts";
import type { Contents } from "./contents.ts";
import type { Listing } from "./directory-writer.ts";
import { SquashfsError } from "./errors.ts";
import {
  DEVICE_INODE,
  DIRECTORY_INODE,
  type DirectoryInode,
  EMPTY_LISTING,
  EXTENDED,
  EXTENDED_DEVICE_INODE,
  EXTENDED_DIRECTORY_INODE,
  EXTENDED_FILE_INODE,
  EXTENDED_IPC_INODE,
  type ExtendedDeviceInode,
  type ExtendedDirectoryInode,
  type ExtendedIpcInode,
  encodeDevice,
  FILE_INODE,
  type FileInode,
  IPC_INODE,
  MAX_TARGET_SIZE,
  NO_XATTRS,
  SYMLINK_INODE,
  type SymlinkInode,
} from "./format.ts";
import type { IdTable } from "./id-table.ts";
import { MetadataWriter } from "./metadata-writer.ts";
import type { XattrTableWriter } from "./xattr-table-writer.ts";

/** All fields of all records but the large file's, which has 64-bit ones. */
type InodeFields = ExtendedDirectoryInode &
  DirectoryInode &
  FileInode &
  SymlinkInode &
  ExtendedDeviceInode &
  ExtendedIpcInode;

/** A record of the format, as far as writing goes. */
interface InodeRecord {
  readonly size: number;
  put(view: DataView, offset: number, fields: InodeFields): void;
}

const NO_FIELDS: InodeFields = {
  type: 0,
  mode: 0,
  uidIndex: 0,
  gidIndex: 0,
  mtimeSec: 0,
  inodeNumber: 0,
  linkCount: 0,
  fileSize: 0,
  blockStart: 0,
  blockOffset: 0,
  parentInode: 0,
  indexCount: 0,
  xattrIndex: NO_XATTRS,
  blocksStart: 0,
  fragmentIndex: 0,
  fragmentOffset: 0,
  targetSize: 0,
  device: 0,
};

const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;
/** What `encodeDevice` has room for. */
const MAX_MAJOR = 0xfff;
const MAX_MINOR = 0xfffff;
/** Words of a block list encoded at a time. */
const LIST_STEP = 2048;

export interface InodeWriterOptions {
  readonly inodes: InodeTable;
  readonly contents: Contents;
  readonly codec: BlockCodec;
  readonly ids: IdTable;
  readonly xattrs: XattrTableWriter;
  /** For errors. */
  readonly pathOf: (node: NodeId) => ByteString;
}

/** What an inode needs beside its columns. One object serves for all of them. */
export interface InodePlace {
  number: number;
  linkCount: number;
  /** For errors. */
  node: NodeId;
}

/** Writes inodes into the inode table: basic ones where they can say it all, extended ones where not. */
export class InodeWriter {
  readonly table: MetadataWriter;
  /** Of the inode being written: nothing is allocated per inode, there may be millions. */
  readonly #fields: InodeFields = { ...NO_FIELDS };
  readonly #options: InodeWriterOptions;
  readonly #inodes: InodeTable;
  readonly #record = Buffer.allocUnsafeSlow(LIST_STEP * 4);
  readonly #view: DataView = new DataView(this.#record.buffer, this.#record.byteOffset, this.#record.length);

  constructor(options: InodeWriterOptions) {
    this.#options = options;
    this.#inodes = options.inodes;
    this.table = new MetadataWriter(options.codec, "inode");
  }

  /** Anything but a directory. */
  write(id: InodeId, place: InodePlace): void {
    const kind = this.#inodes.kind(id);
    switch (kind) {
      case InodeKind.file:
        this.#file(id, place);
        break;
      case InodeKind.symlink:
        this.#symlink(id, place);
        break;
      case InodeKind.blockDevice:
      case InodeKind.charDevice:
        this.#device(id, place);
        break;
      case InodeKind.fifo:
      case InodeKind.socket:
        this.#ipc(id, place);
        break;
      case InodeKind.directory:
        throw new InternalError("a directory was written as a file", { path: this.#options.pathOf(place.node) });
    }
  }

  /**
   * @param place `linkCount`: 2 + directories in it
   * @param parentInode number of the inode above; of the root: inode count + 1
   */
  directory(id: InodeId, place: InodePlace, listing: Listing, parentInode: number): void {
    const { blockStart, blockOffset, indexCount } = listing;
    const fields = this.#fields;
    this.#common(id, place);
    fields.fileSize = listing.size + EMPTY_LISTING;
    fields.blockStart = blockStart;
    fields.blockOffset = blockOffset;
    fields.parentInode = parentInode;
    fields.indexCount = indexCount;
    if (fields.fileSize <= U16_MAX && indexCount === 0 && fields.xattrIndex === NO_XATTRS) {
      this.#append(DIRECTORY_INODE);
      return;
    }
    if (fields.fileSize > U32_MAX) throw new SquashfsError("TABLE_TOO_LARGE", { table: "directory", limit: U32_MAX });
    this.#appendExtended(EXTENDED_DIRECTORY_INODE);
    this.table.append(listing.index);
  }

  #file(id: InodeId, place: InodePlace): void {
    const { contents, pathOf } = this.#options;
    const content = this.#inodes.content(id);
    if (!contents.has(content))
      throw new InternalError("a file has a content that is not in the image", { path: pathOf(place.node) });
    const run = contents.run(content);
    const start = contents.runStart(run);
    const size = contents.size(content);
    const sparse = contents.runHoles(run);
    const fields = this.#fields;
    this.#common(id, place);
    fields.fragmentIndex = contents.fragmentIndex(content);
    fields.fragmentOffset = contents.fragmentOffset(content);
    const isPlain = place.linkCount === 1 && sparse === 0 && fields.xattrIndex === NO_XATTRS;
    if (isPlain && start <= U32_MAX && size <= U32_MAX) {
      fields.blocksStart = start;
      fields.fileSize = size;
      this.#append(FILE_INODE);
    } else {
      const wide = { blocksStart: BigInt(start), fileSize: BigInt(size), sparseSize: BigInt(sparse) };
      const record = { ...fields, ...wide, type: fields.type + EXTENDED };
      EXTENDED_FILE_INODE.write(this.#record, 0, record);
      this.#appendBytes(EXTENDED_FILE_INODE.size);
    }
    this.#blockList(contents.runList(run), contents.runBlockCount(run));
  }

  #blockList(list: number, count: number): void {
    for (let done = 0; done < count; done += LIST_STEP) {
      const step = Math.min(LIST_STEP, count - done);
      this.#options.contents.lists.encode(list + done, step, this.#view);
      this.#appendBytes(step * 4);
    }
  }

  #symlink(id: InodeId, place: InodePlace): void {
    const target = Buffer.from(this.#inodes.target(id), "latin1");
    if (target.length === 0 || target.length > MAX_TARGET_SIZE) {
      const path = this.#options.pathOf(place.node);
      throw new SquashfsError("TARGET_TOO_LONG", { path, seen: target.length, limit: MAX_TARGET_SIZE });
    }
    const fields = this.#fields;
    this.#common(id, place);
    fields.targetSize = target.length;
    const isExtended = fields.xattrIndex !== NO_XATTRS;
    if (isExtended) this.#appendExtended(SYMLINK_INODE);
    else this.#append(SYMLINK_INODE);
    this.table.append(target);
    if (!isExtended) return;
    this.#view.setUint32(0, fields.xattrIndex, true);
    this.#appendBytes(4);
  }

  #device(id: InodeId, place: InodePlace): void {
    const major = this.#inodes.deviceMajor(id);
    const minor = this.#inodes.deviceMinor(id);
    if (major > MAX_MAJOR || minor > MAX_MINOR)
      throw new SquashfsError("DEVICE_OUT_OF_RANGE", { path: this.#options.pathOf(place.node), major, minor });
    this.#common(id, place);
    this.#fields.device = encodeDevice(major, minor);
    if (this.#fields.xattrIndex === NO_XATTRS) this.#append(DEVICE_INODE);
    else this.#appendExtended(EXTENDED_DEVICE_INODE);
  }

  #ipc(id: InodeId, place: InodePlace): void {
    this.#common(id, place);
    if (this.#fields.xattrIndex === NO_XATTRS) this.#append(IPC_INODE);
    else this.#appendExtended(EXTENDED_IPC_INODE);
  }

  /** Sets what every inode has. */
  #common(id: InodeId, place: InodePlace): void {
    const { ids, xattrs, pathOf } = this.#options;
    const fields = this.#fields;
    const { node } = place;
    fields.type = this.#inodes.kind(id);
    fields.mode = this.#inodes.mode(id);
    fields.uidIndex = ids.indexOf(this.#inodes.uid(id), node, pathOf);
    fields.gidIndex = ids.indexOf(this.#inodes.gid(id), node, pathOf);
    fields.mtimeSec = this.#inodes.mtimeSec(id);
    fields.inodeNumber = place.number;
    fields.linkCount = place.linkCount;
    fields.xattrIndex = xattrs.indexOf(this.#inodes.xattrSet(id), node, pathOf);
  }

  #append(record: InodeRecord): void {
    record.put(this.#view, 0, this.#fields);
    this.#appendBytes(record.size);
  }

  #appendExtended(record: InodeRecord): void {
    this.#fields.type += EXTENDED;
    this.#append(record);
  }

  #appendBytes(size: number): void {
    this.table.append(this.#record.subarray(0, size));
  }
}
