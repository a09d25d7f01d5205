import { METADATA_BLOCK_SIZE } from "../format.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import type { LookupTable } from "./lookup-table.ts";
import type { MetadataRegion } from "./metadata.ts";
import type { ImageTables } from "./tables.ts";

/** Every metadata block of every table decompresses, stands right behind the one before, and is full but for the last. */
export async function verifyTables(context: ImageContext, tables: ImageTables, signal?: AbortSignal): Promise<void> {
  await verifyRegion(context, tables.inodes, signal);
  await verifyRegion(context, tables.directories, signal);
  for (const table of [tables.fragments, tables.exports, tables.ids, tables.xattrs?.ids])
    if (table !== undefined) await verifyLookupTable(context, table, signal);
  if (tables.xattrs !== undefined) await verifyRegion(context, tables.xattrs.keys, signal);
}

async function verifyRegion(context: ImageContext, region: MetadataRegion, signal?: AbortSignal): Promise<void> {
  let position = region.start;
  while (position < region.end) {
    signal?.throwIfAborted();
    const { data, next } = await region.block(position, "passing");
    if (next < region.end && data.length !== METADATA_BLOCK_SIZE)
      throw damaged(context, "METADATA_SHORT", region.table, {
        offset: position,
        rule: `a metadata block that is not the last must have ${METADATA_BLOCK_SIZE} bytes`,
        seen: data.length,
      });
    position = next;
  }
}

async function verifyLookupTable(context: ImageContext, table: LookupTable, signal?: AbortSignal): Promise<void> {
  let position = table.blocksStart;
  for (let i = 0; i < table.blockCount; i++) {
    signal?.throwIfAborted();
    const start = await table.blockStart(i);
    if (start !== position)
      throw damaged(context, "CONTENT_MISMATCH", table.table, {
        offset: start,
        rule: `metadata block ${i} must stand right behind the one before, at ${position}`,
        seen: start,
      });
    position = (await table.region.block(start, "passing")).next;
  }
  if (position !== table.region.end)
    throw damaged(context, "CONTENT_MISMATCH", table.table, {
      offset: position,
      rule: `its metadata blocks must end at ${table.region.end}`,
      seen: position,
    });
}
