import { DESCRIPTOR, HEADER } from "../sif/layout.ts";

/** What a signature covers of the global header: all that identifies the file, 61 bytes. */
export const COVERED_HEADER_SIZE = 61;
/** What it covers of a descriptor, 557 bytes. */
export const COVERED_DESCRIPTOR_SIZE = 557;

/** Launch script, magic, version and UUID: neither architecture nor times nor the table's geometry. */
export function coveredHeader(stored: Uint8Array): Uint8Array {
  const { architecture, uuid, createdSec } = HEADER.offsets;
  return Buffer.concat([stored.subarray(0, architecture), stored.subarray(uuid, createdSec)]);
}

/**
 * Type, link, size, created time, owner, name and extra; the ID relative to its group's smallest one. Not where
 * the object lies, nor its group, nor when it was modified: a file may be put together anew around it.
 */
export function coveredDescriptor(stored: Uint8Array, relativeId: number): Uint8Array {
  const { id, link, offset, size, sizeWithPadding, createdSec, modifiedSec, uid } = DESCRIPTOR.offsets;
  const idBytes = Buffer.alloc(4);
  idBytes.writeUInt32LE(relativeId);
  return Buffer.concat([
    stored.subarray(0, id),
    idBytes,
    stored.subarray(link, offset),
    stored.subarray(size, sizeWithPadding),
    stored.subarray(createdSec, modifiedSec),
    stored.subarray(uid, DESCRIPTOR.size),
  ]);
}
