import { displayBytes } from "../bytes/byte-string.ts";
import { InternalError } from "../errors.ts";
import { type InodeId, InodeKind, type InodeTable } from "../fstree/inodes.ts";
import type { BlockCodec } from "../wasm/block-codec.ts";
import type { Contents } from "./contents.ts";
import type { Listing } from "./directory-writer.ts";
import { SquashfsError } from "./errors.ts";
import {
  DEVICE_INODE,
  DIRECTORY_INODE,
  EMPTY_LISTING,
  EXTENDED,
  EXTENDED_DEVICE_INODE,
  EXTENDED_DIRECTORY_INODE,
  EXTENDED_FILE_INODE,
  EXTENDED_IPC_INODE,
  encodeDevice,
  FILE_INODE,
  type InodeHeader,
  IPC_INODE,
  MAX_TARGET_SIZE,
  NO_XATTRS,
  SYMLINK_INODE,
} from "./format.ts";
import type { IdTable } from "./id-table.ts";
import { MetadataWriter } from "./metadata-writer.ts";
import type { XattrTableWriter } from "./xattr-table-writer.ts";

const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;
/** Words of a block list encoded at a time. */
const LIST_STEP = 2048;

export interface InodeWriterOptions {
  readonly inodes: InodeTable;
  readonly contents: Contents;
  readonly codec: BlockCodec;
  readonly ids: IdTable;
  readonly xattrs: XattrTableWriter;
}

/** What an inode needs beside its columns. */
export interface InodePlace {
  readonly number: number;
  readonly linkCount: number;
  /** For errors; asked for only then. */
  readonly path: () => string;
}

/** Writes inodes into the inode table: basic ones where they can say it all, extended ones where not. */
export class InodeWriter {
  readonly table: MetadataWriter;
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
        throw new InternalError("a directory was written as a file", { path: displayBytes(place.path()) });
    }
  }

  /**
   * @param place `linkCount`: 2 + directories in it
   * @param parentInode number of the inode above; of the root: inode count + 1
   */
  directory(id: InodeId, place: InodePlace, listing: Listing, parentInode: number): void {
    const xattrIndex = this.#xattrs(id, place);
    const fileSize = listing.size + EMPTY_LISTING;
    const { blockStart, blockOffset, indexCount } = listing;
    const fields = { blockStart, linkCount: place.linkCount, fileSize, blockOffset, parentInode };
    if (fileSize <= U16_MAX && indexCount === 0 && xattrIndex === NO_XATTRS) {
      DIRECTORY_INODE.write(this.#record, 0, { ...this.#header(id, place, false), ...fields });
      this.#append(DIRECTORY_INODE.size);
      return;
    }
    if (fileSize > U32_MAX) throw new SquashfsError("TABLE_TOO_LARGE", { table: "directory", limit: U32_MAX });
    const extended = { ...this.#header(id, place, true), ...fields, indexCount, xattrIndex };
    EXTENDED_DIRECTORY_INODE.write(this.#record, 0, extended);
    this.#append(EXTENDED_DIRECTORY_INODE.size);
    this.table.append(listing.index);
  }

  #file(id: InodeId, place: InodePlace): void {
    const { contents } = this.#options;
    const content = this.#inodes.content(id);
    if (!contents.has(content))
      throw new InternalError("a file has a content that is not in the image", { path: displayBytes(place.path()) });
    const xattrIndex = this.#xattrs(id, place);
    const run = contents.run(content);
    const start = contents.runStart(run);
    const size = contents.size(content);
    const sparse = contents.runHoles(run);
    const fragmentIndex = contents.fragmentIndex(content);
    const fragmentOffset = contents.fragmentOffset(content);
    const { linkCount } = place;
    if (linkCount === 1 && start <= U32_MAX && size <= U32_MAX && sparse === 0 && xattrIndex === NO_XATTRS) {
      const header = this.#header(id, place, false);
      FILE_INODE.write(this.#record, 0, {
        ...header,
        blocksStart: start,
        fragmentIndex,
        fragmentOffset,
        fileSize: size,
      });
      this.#append(FILE_INODE.size);
    } else {
      const wide = { blocksStart: BigInt(start), fileSize: BigInt(size), sparseSize: BigInt(sparse) };
      const narrow = { linkCount, fragmentIndex, fragmentOffset, xattrIndex };
      EXTENDED_FILE_INODE.write(this.#record, 0, { ...this.#header(id, place, true), ...wide, ...narrow });
      this.#append(EXTENDED_FILE_INODE.size);
    }
    this.#blockList(contents.runList(run), contents.runBlockCount(run));
  }

  #blockList(list: number, count: number): void {
    for (let done = 0; done < count; done += LIST_STEP) {
      const step = Math.min(LIST_STEP, count - done);
      this.#options.contents.lists.encode(list + done, step, this.#view);
      this.#append(step * 4);
    }
  }

  #symlink(id: InodeId, place: InodePlace): void {
    const xattrIndex = this.#xattrs(id, place);
    const target = Buffer.from(this.#inodes.target(id), "latin1");
    if (target.length === 0 || target.length > MAX_TARGET_SIZE)
      throw new SquashfsError("TARGET_TOO_LONG", { path: place.path(), seen: target.length, limit: MAX_TARGET_SIZE });
    const extended = xattrIndex !== NO_XATTRS;
    const fields = { linkCount: place.linkCount, targetSize: target.length };
    SYMLINK_INODE.write(this.#record, 0, { ...this.#header(id, place, extended), ...fields });
    this.#append(SYMLINK_INODE.size);
    this.table.append(target);
    if (!extended) return;
    this.#view.setUint32(0, xattrIndex, true);
    this.#append(4);
  }

  #device(id: InodeId, place: InodePlace): void {
    const xattrIndex = this.#xattrs(id, place);
    const major = this.#inodes.deviceMajor(id);
    const minor = this.#inodes.deviceMinor(id);
    if (major > 0xfff || minor > 0xfffff)
      throw new SquashfsError("DEVICE_OUT_OF_RANGE", { path: place.path(), major, minor });
    const extended = xattrIndex !== NO_XATTRS;
    const device = encodeDevice(major, minor);
    const fields = { ...this.#header(id, place, extended), linkCount: place.linkCount, device };
    if (extended) EXTENDED_DEVICE_INODE.write(this.#record, 0, { ...fields, xattrIndex });
    else DEVICE_INODE.write(this.#record, 0, fields);
    this.#append(extended ? EXTENDED_DEVICE_INODE.size : DEVICE_INODE.size);
  }

  #ipc(id: InodeId, place: InodePlace): void {
    const xattrIndex = this.#xattrs(id, place);
    const extended = xattrIndex !== NO_XATTRS;
    const fields = { ...this.#header(id, place, extended), linkCount: place.linkCount };
    if (extended) EXTENDED_IPC_INODE.write(this.#record, 0, { ...fields, xattrIndex });
    else IPC_INODE.write(this.#record, 0, fields);
    this.#append(extended ? EXTENDED_IPC_INODE.size : IPC_INODE.size);
  }

  #header(id: InodeId, place: InodePlace, extended: boolean): InodeHeader {
    const { ids } = this.#options;
    return {
      type: this.#inodes.kind(id) + (extended ? EXTENDED : 0),
      mode: this.#inodes.mode(id),
      uidIndex: ids.indexOf(this.#inodes.uid(id), place.path),
      gidIndex: ids.indexOf(this.#inodes.gid(id), place.path),
      mtimeSec: this.#inodes.mtimeSec(id),
      inodeNumber: place.number,
    };
  }

  #xattrs(id: InodeId, place: InodePlace): number {
    return this.#options.xattrs.indexOf(this.#inodes.xattrSet(id), place.path);
  }

  #append(size: number): void {
    this.table.append(this.#record.subarray(0, size));
  }
}
