import type { Struct } from "../../bytes/struct.ts";
import {
  DEVICE_INODE,
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
  MAX_TARGET_SIZE,
  METADATA_BLOCK_SIZE,
  NO_FRAGMENT,
  NO_XATTRS,
  SYMLINK_INODE,
} from "../format.ts";
import type { IdTable } from "./id-table.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import type { DeviceInode, DirectoryInode, FileInode, Inode, InodeBase, IpcInode, SymlinkInode } from "./inode.ts";
import type { MetadataCursor, MetadataRegion } from "./metadata.ts";

const REF_FACTOR = 0x1_0000;

/**
 * What stands in front of every inode. The frequent kinds name its fields one by one: of what is spread and added to,
 * V8 makes a class of its own for each object, which took half of the time of reading an inode table.
 */
type InodeHead = Omit<InodeBase, "linkCount" | "xattrIndex">;

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
    const blockStart = this.#region.start + Math.floor(ref / REF_FACTOR);
    const blockOffset = ref % REF_FACTOR;
    if (blockOffset >= METADATA_BLOCK_SIZE)
      throw this.#invalid("REFERENCE_OUTSIDE", blockStart, "an inode begins past its metadata block", blockOffset);
    const ids = await this.#ids.load();
    const cursor =
      this.#region.cursorAtHand(blockStart, blockOffset) ?? (await this.#region.cursor(blockStart, blockOffset));
    if (cursor.available < INODE_HEADER.size) await cursor.fill(INODE_HEADER.size);
    const header = INODE_HEADER.read(cursor.peek(INODE_HEADER.size));
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
    return this.#readBody(head, header, cursor);
  }

  async #readBody(head: InodeHead, header: InodeHeader, cursor: MetadataCursor): Promise<Inode> {
    const extended = header.type > EXTENDED;
    switch (header.type) {
      case InodeType.directory:
      case InodeType.extendedDirectory: {
        const record = extended ? EXTENDED_DIRECTORY_INODE : DIRECTORY_INODE;
        if (cursor.available < record.size) await cursor.fill(record.size);
        return this.#readDirectory(head, record.read(cursor.take(record.size)), cursor);
      }
      case InodeType.file:
        return this.#readFile(head, cursor);
      case InodeType.extendedFile:
        return this.#readExtendedFile(head, cursor);
      case InodeType.symlink:
      case InodeType.extendedSymlink:
        return this.#readSymlink(head, extended, cursor);
      case InodeType.blockDevice:
      case InodeType.extendedBlockDevice:
        return readDevice(head, "blockDevice", extended, cursor);
      case InodeType.charDevice:
      case InodeType.extendedCharDevice:
        return readDevice(head, "charDevice", extended, cursor);
      case InodeType.fifo:
      case InodeType.extendedFifo:
        return readIpc(head, "fifo", extended, cursor);
      case InodeType.socket:
      case InodeType.extendedSocket:
        return readIpc(head, "socket", extended, cursor);
      default:
        throw this.#invalid("INODE_INVALID", cursor.offset, "an inode's type must be 1…14", header.type);
    }
  }

  async #readDirectory(
    head: InodeHead,
    record: DirectoryRecord & { indexCount?: number; xattrIndex?: number },
    cursor: MetadataCursor,
  ): Promise<DirectoryInode> {
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
      index: cursor.place ?? (await cursor.tell()),
    };
  }

  async #readFile(head: InodeHead, cursor: MetadataCursor): Promise<FileInode> {
    if (cursor.available < FILE_INODE.size) await cursor.fill(FILE_INODE.size);
    const record = FILE_INODE.read(cursor.take(FILE_INODE.size));
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
        blockList: cursor.place ?? (await cursor.tell()),
      },
      cursor,
    );
  }

  async #readExtendedFile(head: InodeHead, cursor: MetadataCursor): Promise<FileInode> {
    const record = await take(cursor, EXTENDED_FILE_INODE);
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
        blockList: cursor.place ?? (await cursor.tell()),
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

  async #readSymlink(head: InodeHead, extended: boolean, cursor: MetadataCursor): Promise<SymlinkInode> {
    const record = await take(cursor, SYMLINK_INODE);
    if (record.targetSize === 0 || record.targetSize > MAX_TARGET_SIZE)
      throw this.#invalid(
        "INODE_INVALID",
        cursor.offset,
        `a symlink's target must have 1…${MAX_TARGET_SIZE} bytes`,
        record.targetSize,
      );
    const size = record.targetSize + (extended ? 4 : 0);
    if (cursor.available < size) await cursor.fill(size);
    const target = Buffer.from(cursor.take(record.targetSize)).toString("latin1");
    if (target.includes("\0"))
      throw this.#invalid("INODE_INVALID", cursor.offset, "a symlink's target contains NUL", "NUL");
    let index: number | undefined;
    if (extended) {
      const bytes = cursor.take(4);
      index = xattrIndex(new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true));
    }
    const { ref, inodeNumber, mode, uid, gid, mtimeSec } = head;
    const { linkCount } = record;
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

/** Reads a record at the cursor, from the inode's first byte. */
async function take<T extends object>(cursor: MetadataCursor, record: Struct<T>): Promise<T> {
  if (cursor.available < record.size) await cursor.fill(record.size);
  return record.read(cursor.take(record.size));
}

async function readDevice(
  head: InodeHead,
  kind: DeviceInode["kind"],
  extended: boolean,
  cursor: MetadataCursor,
): Promise<DeviceInode> {
  const record: { linkCount: number; device: number; xattrIndex?: number } = extended
    ? await take(cursor, EXTENDED_DEVICE_INODE)
    : await take(cursor, DEVICE_INODE);
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

async function readIpc(
  head: InodeHead,
  kind: IpcInode["kind"],
  extended: boolean,
  cursor: MetadataCursor,
): Promise<IpcInode> {
  const record: { linkCount: number; xattrIndex?: number } = extended
    ? await take(cursor, EXTENDED_IPC_INODE)
    : await take(cursor, IPC_INODE);
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
