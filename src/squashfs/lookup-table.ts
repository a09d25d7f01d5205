import type { Sink } from "../sink/sink.ts";
import type { BlockCodec } from "../wasm/block-codec.ts";
import { MetadataWriter } from "./metadata-writer.ts";

/**
 * Writes records in metadata blocks and behind them a u64 for each block, where it begins in the image:
 * the shape of the fragment, export and id tables. Gives the offset of those u64s, which is what the
 * superblock holds.
 * @param prefix what stands in front of them (the xattr table's header)
 */
export async function writeLookupTable(
  sink: Sink,
  codec: BlockCodec,
  table: string,
  records: Iterable<Uint8Array>,
  prefix: Uint8Array = new Uint8Array(),
): Promise<number> {
  const start = sink.position;
  const blocks = new MetadataWriter(codec, table);
  for (const record of records) {
    blocks.append(record);
    if (blocks.pendingSize > 64 * 1024) await blocks.drain(sink);
  }
  blocks.flush();
  await blocks.drain(sink);
  const tableStart = sink.position;
  const pointers = new Uint8Array(prefix.length + 8 * blocks.blockStarts.length);
  pointers.set(prefix);
  const view = new DataView(pointers.buffer, prefix.length);
  blocks.blockStarts.forEach((blockStart, i) => {
    view.setBigUint64(8 * i, BigInt(start + blockStart), true);
  });
  await sink.write(pointers);
  return tableStart;
}
