import { type RandomAccess, windowAccess } from "../bytes/random-access.ts";
import { SifError } from "./errors.ts";
import type { SifHeader, SifImage, SifObject } from "./image.ts";
import { DESCRIPTOR, HEADER, type HeaderRecord, MAGIC, VERSION } from "./layout.ts";
import { headerFromRecord, objectFromRecord } from "./records.ts";

/** Largest descriptor table that is read: 16,384 slots, 9.6 MB. Writers make 48. */
export const MAX_DESCRIPTORS = 16_384;
/** Largest object that {@link readObject} returns whole. Definition and metadata have kilobytes, and are copied often. */
export const MAX_WHOLE_OBJECT: number = 4 * 1024 * 1024;
/** What one piece of {@link streamObject} has at most. */
const PIECE: number = 256 * 1024;

/** What of a damaged file is let pass. */
export interface ReadSifOptions {
  /** Objects whose offset or size no file has, which are then `impossible`: to show them, or to read others. */
  readonly impossibleObjects?: "refuse" | "keep";
}

/**
 * Reads header and descriptors. A wrong count of free slots and any launch script are accepted, as other
 * readers do; where the objects lie is checked only when one is read.
 * @throws SifError HEADER_TRUNCATED, HEADER_DAMAGED, MAGIC_INVALID, VERSION_UNSUPPORTED, DESCRIPTORS_TOO_MANY,
 *   DESCRIPTORS_TRUNCATED, OBJECT_OUTSIDE_FILE (for offsets that no file has, unless they are kept)
 */
export async function readSif(
  access: RandomAccess,
  { impossibleObjects = "refuse" }: ReadSifOptions = {},
): Promise<SifImage> {
  const path = access.name;
  if (access.size < HEADER.size) {
    throw new SifError("HEADER_TRUNCATED", { path, seen: access.size, limit: HEADER.size });
  }
  const record = HEADER.read(await access.read(0, HEADER.size));
  if (Buffer.compare(record.magic, MAGIC) !== 0) throw new SifError("MAGIC_INVALID", { path });
  if (Buffer.compare(record.version, VERSION) !== 0) {
    throw new SifError("VERSION_UNSUPPORTED", { path, seen: Buffer.from(record.version).toString("latin1") });
  }
  const { descriptorsTotal: total, descriptorsOffset: offset, descriptorsSize: size } = record;
  if (total < 0n || total > BigInt(MAX_DESCRIPTORS)) {
    throw new SifError("DESCRIPTORS_TOO_MANY", { path, seen: total, limit: MAX_DESCRIPTORS });
  }
  const needed = total * BigInt(DESCRIPTOR.size);
  const available = offset < 0n ? 0n : maxOf(0n, minOf(size, BigInt(access.size) - offset));
  if (available < needed) throw new SifError("DESCRIPTORS_TRUNCATED", { path, offset, needed, seen: available });
  // An empty table may stand anywhere, past the end too.
  const table = needed === 0n ? new Uint8Array() : await access.read(Number(offset), Number(needed));
  const objects: SifObject[] = [];
  for (let slot = 0; slot < Number(total); slot++) {
    const descriptor = DESCRIPTOR.read(table, slot * DESCRIPTOR.size);
    if (descriptor.used === 0) continue;
    const object = objectFromRecord(descriptor, slot);
    if (object.impossible !== undefined && impossibleObjects === "refuse") throw outside(access, object);
    objects.push(object);
  }
  return { header: decodeHeader(record, path), objects };
}

function decodeHeader(record: HeaderRecord, path: string): SifHeader {
  try {
    return headerFromRecord(record);
  } catch (cause) {
    throw new SifError("HEADER_DAMAGED", { path, reason: (cause as RangeError).message, cause });
  }
}

/**
 * The object of that ID.
 * @throws SifError OBJECT_NOT_FOUND
 */
export function getObject(image: SifImage, id: number, path?: string): SifObject {
  const found = image.objects.find((object) => object.id === id);
  if (found === undefined) throw new SifError("OBJECT_NOT_FOUND", { id, path });
  return found;
}

/**
 * All bytes of a small object.
 * @throws SifError OBJECT_TOO_LARGE, OBJECT_OUTSIDE_FILE
 */
export async function readObject(access: RandomAccess, object: SifObject): Promise<Uint8Array> {
  checkInside(access, object);
  if (object.size > MAX_WHOLE_OBJECT) {
    throw new SifError("OBJECT_TOO_LARGE", {
      path: access.name,
      id: object.id,
      seen: object.size,
      limit: MAX_WHOLE_OBJECT,
    });
  }
  return access.read(object.offset, object.size);
}

/**
 * An object's bytes as a source of their own, named after file and object: where a partition is read in place.
 * @throws SifError OBJECT_OUTSIDE_FILE
 */
export function objectAccess(access: RandomAccess, object: SifObject): RandomAccess {
  checkInside(access, object);
  return windowAccess(access, object.offset, object.size, `${access.name}, object ${object.id}`);
}

/**
 * The bytes of an object in pieces of at most 256 KiB, borrowed until the next one is asked for.
 * @throws SifError OBJECT_OUTSIDE_FILE
 */
export async function* streamObject(
  access: RandomAccess,
  object: SifObject,
): AsyncGenerator<Uint8Array, void, undefined> {
  checkInside(access, object);
  const room = new Uint8Array(Math.min(PIECE, object.size));
  for (let done = 0; done < object.size; ) {
    const piece = await access.read(object.offset + done, Math.min(room.length, object.size - done), room);
    done += piece.length;
    yield piece;
  }
}

function checkInside(access: RandomAccess, object: SifObject): void {
  const { impossible, offset, size } = object;
  if (impossible !== undefined || offset + size > access.size) throw outside(access, object);
}

function outside(access: RandomAccess, object: SifObject): SifError {
  const { id, impossible } = object;
  const offset = impossible?.offset ?? object.offset;
  const end = impossible === undefined ? object.offset + object.size : impossible.offset + impossible.size;
  return new SifError("OBJECT_OUTSIDE_FILE", { path: access.name, id, offset, end, limit: access.size });
}

const minOf = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const maxOf = (a: bigint, b: bigint): bigint => (a > b ? a : b);
