import { FRAGMENT_ENTRY, SUPERBLOCK, XATTR_ID, XATTR_TABLE_HEADER } from "../format.ts";
import type { TableName } from "./errors.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import { MIN_INODE_SIZE } from "./limits.ts";
import { LookupTable } from "./lookup-table.ts";
import { MetadataRegion } from "./metadata.ts";

/** Where everything stands in an image: no two of these overlap. */
export interface ImageTables {
  readonly inodes: MetadataRegion;
  readonly directories: MetadataRegion;
  readonly fragments: LookupTable | undefined;
  readonly exports: LookupTable | undefined;
  readonly ids: LookupTable;
  readonly xattrs: XattrTables | undefined;
  /** Data and fragment blocks end here at the latest. */
  readonly dataEnd: number;
}

export interface XattrTables {
  readonly ids: LookupTable;
  readonly keys: MetadataRegion;
}

/**
 * Finds the tables from the last to the first, as Linux does (fs/squashfs/super.c): each must end where the
 * next begins, so overlaps and wrong orders come out here, before anything is read from them.
 */
export async function openTables(context: ImageContext): Promise<ImageTables> {
  const { header } = context;
  let end = header.bytesUsed;
  const mustPrecede = (table: TableName, start: number, size = 0): void => {
    if (start + size > end || start < SUPERBLOCK.size)
      throw damaged(context, "TABLE_MISPLACED", table, {
        offset: start,
        rule: `it must be in ${SUPERBLOCK.size}…${end - size}, in front of the next table`,
      });
  };
  const lookupTable = async (
    table: TableName,
    start: number,
    count: number,
    recordSize: number,
  ): Promise<LookupTable> => {
    mustPrecede(table, start);
    const opened = await LookupTable.open(context, {
      table,
      count,
      recordSize,
      indexStart: start,
      end,
      blocksEnd: start,
    });
    mustPrecede(table, opened.blocksStart);
    end = opened.blocksStart;
    return opened;
  };

  let xattrs: XattrTables | undefined;
  if (header.xattrTableStart !== undefined) {
    mustPrecede("xattr table", header.xattrTableStart, XATTR_TABLE_HEADER.size);
    xattrs = await openXattrTables(context, header.xattrTableStart, end);
    // An empty table is a header alone; Linux then takes the header's place as its start.
    const start = xattrs?.keys.start ?? header.xattrTableStart;
    mustPrecede("xattr keys", start);
    end = start;
  }
  const ids = await lookupTable("id table", header.idTableStart, header.idCount, 4);
  let exports: LookupTable | undefined;
  if (header.exportTableStart !== undefined)
    exports = await lookupTable("export table", header.exportTableStart, header.inodeCount, 8);
  let fragments: LookupTable | undefined;
  if (header.fragmentTableStart !== undefined)
    fragments = await lookupTable(
      "fragment table",
      header.fragmentTableStart,
      header.fragmentCount,
      FRAGMENT_ENTRY.size,
    );
  else if (header.fragmentCount !== 0)
    throw damaged(context, "TABLE_MISPLACED", "fragment table", {
      rule: `there is none, but ${header.fragmentCount} fragments`,
    });

  mustPrecede("directory table", header.directoryTableStart);
  const directories = new MetadataRegion(context, "directory table", header.directoryTableStart, end);
  end = header.directoryTableStart;
  mustPrecede("inode table", header.inodeTableStart);
  const inodes = new MetadataRegion(context, "inode table", header.inodeTableStart, end);
  if (header.inodeCount * MIN_INODE_SIZE > inodes.maxSize)
    throw damaged(context, "TABLE_MISPLACED", "inode table", {
      offset: inodes.start,
      rule: `its ${inodes.end - inodes.start} bytes can not hold the superblock's count of inodes`,
      seen: header.inodeCount,
    });
  return { inodes, directories, fragments, exports, ids, xattrs, dataEnd: inodes.start };
}

async function openXattrTables(context: ImageContext, start: number, end: number): Promise<XattrTables | undefined> {
  const header = XATTR_TABLE_HEADER.read(await context.readAhead.read(start, XATTR_TABLE_HEADER.size));
  if (header.idCount === 0) return undefined;
  const ids = await LookupTable.open(context, {
    table: "xattr table",
    count: header.idCount,
    recordSize: XATTR_ID.size,
    indexStart: start + XATTR_TABLE_HEADER.size,
    end,
    blocksEnd: start,
  });
  if (header.keysStart >= BigInt(ids.blocksStart))
    throw damaged(context, "TABLE_MISPLACED", "xattr keys", {
      offset: start,
      rule: "they must stand in front of the xattr table",
      seen: header.keysStart,
      limit: ids.blocksStart,
    });
  return { ids, keys: new MetadataRegion(context, "xattr keys", Number(header.keysStart), ids.blocksStart) };
}
