import { DESCRIPTOR, DESCRIPTORS_OFFSET, HEADER } from "../../src/sif/layout.ts";

/** A SIF of 48 slots with UUID and times blanked, which differ between two makers. */
export function withoutTimes(sif: Buffer): Buffer {
  const bytes = Buffer.from(sif);
  bytes.fill(0, HEADER.offsets.uuid, HEADER.offsets.descriptorsFree);
  for (let slot = 0; slot < 48; slot++) {
    const start = DESCRIPTORS_OFFSET + slot * DESCRIPTOR.size;
    bytes.fill(0, start + DESCRIPTOR.offsets.createdSec, start + DESCRIPTOR.offsets.uid);
  }
  return bytes;
}
