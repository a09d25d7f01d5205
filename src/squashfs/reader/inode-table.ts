import {
  DEVICE_INODE,
  type DeviceInode as DeviceRecord,
  DIRECTORY_INODE,
  type DirectoryInode as DirectoryRecord,
  decodeDevice,
  EMPTY_LISTING,
  EXTENDED,
  EXTENDED_DEVICE_INODE,
  EXTENDED_DIRECTORY_INODE,
  EXTENDED_FILE_INODE,
  EXTENDED_IPC_INODE,
  FILE_INODE,
  INODE_HEADER,
  type InodeHeader,
  InodeType,
  IPC_INODE,
  type IpcInode as IpcRecord,
  MAX_TARGET_SIZE,
  METADATA_BLOCK_SIZE,
  NO_FRAGMENT,
  NO_XATTRS,
  SYMLINK_INODE,
} from "../format.ts";
import type { IdTable } from "./id-table.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import type { DeviceInode, DirectoryInode, FileInode, Inode, InodeBase, IpcInode, SymlinkInode } from "./inode.ts";
import type { MetadataCursor, MetadataPlace, MetadataRegion } from "./metadata.ts";

const REF_FACTOR = 0x1_0000;

/**
 * What stands in front of every inode. The frequent kinds name its fields one by one: of what is spread and added to,
 * V8 makes a class of its own for each object, which took half of the time of reading an inode table.
 */
type InodeHead = Omit<InodeBase, "linkCount" | "xattrIndex">;

/** A directory's record of either kind; the basic one has none of these. */
type Directory = DirectoryRecord & { indexCount?: number; xattrIndex?: number };

/** Reads inodes by their refs. */
export class InodeTable {
  readonly #context: ImageContext;
  readonly #region: MetadataRegion;
  readonly #directories: MetadataRegion;
  readonly #ids: IdTable;

  constructor(context: ImageContext, inodes: MetadataRegion, directories: MetadataRegion, ids: IdTable) {
    this.#context = context;
    this.#region = inodes;
    this.#directories = directories;
    this.#ids = ids;
  }

  async read(ref: number): Promise<Inode> {
    const place = this.#place(ref);
    await this.#ids.load();
    const cursor = await this.#region.cursor(place.blockStart, place.blockOffset);
    for (;;) {
      const inode = this.#decode(ref, cursor);
      if (typeof inode !== "number") return inode;
      await cursor.fill(inode);
    }
  }

  /** As `read`, without a turn of the event loop; undefined where not all of it is at hand. */
  readAtHand(ref: number): Inode | undefined {
    if (this.#ids.atHand === undefined) return undefined;
    const { blockStart, blockOffset } = this.#place(ref);
    const cursor = this.#region.cursorAtHand(blockStart, blockOffset);
    const inode = cursor && this.#decode(ref, cursor);
    return typeof inode === "number" ? undefined : inode;
  }

  #place(ref: number): MetadataPlace {
    const blockStart = this.#region.start + Math.floor(ref / REF_FACTOR);
    const blockOffset = ref % REF_FACTOR;
    if (blockOffset >= METADATA_BLOCK_SIZE)
      throw this.#invalid("REFERENCE_OUTSIDE", blockStart, "an inode begins past its metadata block", blockOffset);
    return { blockStart, blockOffset };
  }

  /** The inode at the cursor, which stays there; or how many bytes must be at hand to go on with it. */
  #decode(ref: number, cursor: MetadataCursor): Inode | number {
    if (cursor.available < INODE_HEADER.size) return INODE_HEADER.size;
    const { blockStart } = this.#place(ref);
    const ids = this.#ids.atHand as Uint32Array;
    const header = cursor.peek(INODE_HEADER);
    const { inodeCount } = this.#context.header;
    if (header.inodeNumber < 1 || header.inodeNumber > inodeCount)
      throw this.#invalid("INODE_INVALID", blockStart, `an inode's number must be 1…${inodeCount}`, header.inodeNumber);
    const head: InodeHead = {
      ref,
      inodeNumber: header.inodeNumber,
      mode: header.mode & 0o7777,
      uid: this.#id(ids, header.uidIndex, blockStart),
      gid: this.#id(ids, header.gidIndex, blockStart),
      mtimeSec: header.mtimeSec,
    };
    return this.#decodeBody(head, header, cursor);
  }

  #decodeBody(head: InodeHead, header: InodeHeader, cursor: MetadataCursor): Inode | number {
    const extended = header.type > EXTENDED;
    switch (header.type) {
      case InodeType.directory:
      case InodeType.extendedDirectory: {
        const record = extended ? EXTENDED_DIRECTORY_INODE : DIRECTORY_INODE;
        if (cursor.available < record.size) return record.size;
        return this.#decodeDirectory(head, cursor.record<Directory>(record), cursor);
      }
      case InodeType.file:
        return this.#decodeFile(head, cursor);
      case InodeType.extendedFile:
        return this.#decodeExtendedFile(head, cursor);
      case InodeType.symlink:
      case InodeType.extendedSymlink:
        return this.#decodeSymlink(head, extended, cursor);
      case InodeType.blockDevice:
      case InodeType.extendedBlockDevice:
        return decodeDeviceInode(head, "blockDevice", extended, cursor);
      case InodeType.charDevice:
      case InodeType.extendedCharDevice:
        return decodeDeviceInode(head, "charDevice", extended, cursor);
      case InodeType.fifo:
      case InodeType.extendedFifo:
        return decodeIpcInode(head, "fifo", extended, cursor);
      case InodeType.socket:
      case InodeType.extendedSocket:
        return decodeIpcInode(head, "socket", extended, cursor);
      default:
        throw this.#invalid("INODE_INVALID", cursor.offset, "an inode's type must be 1…14", header.type);
    }
  }

  #decodeDirectory(head: InodeHead, record: Directory, cursor: MetadataCursor): DirectoryInode {
    const listing = { blockStart: this.#directories.start + record.blockStart, blockOffset: record.blockOffset };
    const listingSize = Math.max(0, record.fileSize - EMPTY_LISTING);
    if (record.blockOffset > METADATA_BLOCK_SIZE)
      throw this.#invalid(
        "REFERENCE_OUTSIDE",
        cursor.offset,
        "a listing begins past its metadata block",
        record.blockOffset,
      );
    if (listingSize > 0 && listingSize > this.#directories.maxSize)
      throw this.#invalid(
        "INODE_INVALID",
        cursor.offset,
        "a listing is larger than the directory table can be",
        listingSize,
      );
    const { ref, inodeNumber, mode, uid, gid, mtimeSec } = head;
    return {
      ref,
      inodeNumber,
      mode,
      uid,
      gid,
      mtimeSec,
      kind: "directory",
      linkCount: record.linkCount,
      xattrIndex: xattrIndex(record.xattrIndex),
      listingSize,
      parentInodeNumber: record.parentInode,
      indexCount: record.indexCount ?? 0,
      listing,
      index: cursor.place,
    };
  }

  #decodeFile(head: InodeHead, cursor: MetadataCursor): FileInode | number {
    if (cursor.available < FILE_INODE.size) return FILE_INODE.size;
    const record = cursor.record(FILE_INODE);
    const { ref, inodeNumber, mode, uid, gid, mtimeSec } = head;
    return this.#checkFile(
      {
        ref,
        inodeNumber,
        mode,
        uid,
        gid,
        mtimeSec,
        kind: "file",
        linkCount: 1,
        xattrIndex: undefined,
        size: record.fileSize,
        blocksStart: record.blocksStart,
        fragment: fragment(record),
        sparseSize: 0,
        blockList: cursor.place,
      },
      cursor,
    );
  }

  #decodeExtendedFile(head: InodeHead, cursor: MetadataCursor): FileInode | number {
    if (cursor.available < EXTENDED_FILE_INODE.size) return EXTENDED_FILE_INODE.size;
    const record = cursor.record(EXTENDED_FILE_INODE);
    for (const field of ["fileSize", "blocksStart"] as const)
      if (record[field] > BigInt(Number.MAX_SAFE_INTEGER))
        throw this.#invalid("INODE_INVALID", cursor.offset, `a file's ${field} is past any limit`, record[field]);
    const { ref, inodeNumber, mode, uid, gid, mtimeSec } = head;
    return this.#checkFile(
      {
        ref,
        inodeNumber,
        mode,
        uid,
        gid,
        mtimeSec,
        kind: "file",
        linkCount: record.linkCount,
        xattrIndex: xattrIndex(record.xattrIndex),
        size: Number(record.fileSize),
        blocksStart: Number(record.blocksStart),
        fragment: fragment(record),
        sparseSize: Number(record.sparseSize),
        blockList: cursor.place,
      },
      cursor,
    );
  }

  #checkFile(inode: FileInode, cursor: MetadataCursor): FileInode {
    const blockCount = Math.floor(inode.size / this.#context.header.blockSize);
    // Each block takes four bytes of the inode table.
    if (blockCount * 4 > this.#region.maxSize)
      throw this.#invalid(
        "INODE_INVALID",
        cursor.offset,
        "a file has more blocks than the inode table can list",
        inode.size,
      );
    return inode;
  }

  #decodeSymlink(head: InodeHead, extended: boolean, cursor: MetadataCursor): SymlinkInode | number {
    const fixedSize = SYMLINK_INODE.size;
    if (cursor.available < fixedSize) return fixedSize;
    const { linkCount, targetSize } = cursor.peek(SYMLINK_INODE);
    if (targetSize === 0 || targetSize > MAX_TARGET_SIZE)
      throw this.#invalid(
        "INODE_INVALID",
        cursor.offset,
        `a symlink's target must have 1…${MAX_TARGET_SIZE} bytes`,
        targetSize,
      );
    const size = fixedSize + targetSize + (extended ? 4 : 0);
    if (cursor.available < size) return size;
    cursor.take(fixedSize);
    const target = cursor.byteString(targetSize);
    if (target.includes("\0"))
      throw this.#invalid("INODE_INVALID", cursor.offset, "a symlink's target contains NUL", "NUL");
    let index: number | undefined;
    if (extended) {
      const bytes = cursor.take(4);
      index = xattrIndex(new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true));
    }
    const { ref, inodeNumber, mode, uid, gid, mtimeSec } = head;
    return { ref, inodeNumber, mode, uid, gid, mtimeSec, kind: "symlink", linkCount, xattrIndex: index, target };
  }

  #id(ids: Uint32Array, index: number, offset: number): number {
    const id = ids[index];
    if (id === undefined)
      throw this.#invalid("INODE_INVALID", offset, `an inode's owner must be one of ${ids.length} ids`, index);
    return id;
  }

  #invalid(code: "INODE_INVALID" | "REFERENCE_OUTSIDE", offset: number, rule: string, seen: unknown): Error {
    return damaged(this.#context, code, "inode table", { offset, rule, seen });
  }
}

function decodeDeviceInode(
  head: InodeHead,
  kind: DeviceInode["kind"],
  extended: boolean,
  cursor: MetadataCursor,
): DeviceInode | number {
  const layout = extended ? EXTENDED_DEVICE_INODE : DEVICE_INODE;
  if (cursor.available < layout.size) return layout.size;
  const record = cursor.record<DeviceRecord & { xattrIndex?: number }>(layout);
  const { major, minor } = decodeDevice(record.device);
  return {
    ...head,
    kind,
    linkCount: record.linkCount,
    xattrIndex: xattrIndex(record.xattrIndex),
    deviceMajor: major,
    deviceMinor: minor,
  };
}

function decodeIpcInode(
  head: InodeHead,
  kind: IpcInode["kind"],
  extended: boolean,
  cursor: MetadataCursor,
): IpcInode | number {
  const layout = extended ? EXTENDED_IPC_INODE : IPC_INODE;
  if (cursor.available < layout.size) return layout.size;
  const record = cursor.record<IpcRecord & { xattrIndex?: number }>(layout);
  return { ...head, kind, linkCount: record.linkCount, xattrIndex: xattrIndex(record.xattrIndex) };
}

function fragment(record: { fragmentIndex: number; fragmentOffset: number }): FileInode["fragment"] {
  return record.fragmentIndex === NO_FRAGMENT
    ? undefined
    : { index: record.fragmentIndex, offset: record.fragmentOffset };
}

function xattrIndex(index: number | undefined): number | undefined {
  return index === NO_XATTRS ? undefined : index;
}
