import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { openRegular } from "../bytes/open-regular.ts";
import { handleAccess } from "../bytes/random-access.ts";
import { SifArch } from "./architecture.ts";
import { DataType, dataTypeName, PartitionType, partitionTypeName } from "./data-type.ts";
import { SifError } from "./errors.ts";
import { findPrimaryPartition, type SifHeader, type SifImage, type SifObject } from "./image.ts";
import {
  DESCRIPTOR,
  DESCRIPTOR_COUNT,
  DESCRIPTORS_OFFSET,
  GO_ZERO_TIME_SEC,
  HEADER,
  PARTITION_ALIGNMENT,
} from "./layout.ts";
import { getObject, readSif } from "./reader.ts";
import { headerToRecord, objectToRecord } from "./records.ts";
import { alignUp, type NewObject } from "./writer.ts";

/** What an edit needs from outside. */
export interface EditOptions {
  /** New modified time, Unix seconds. Files of the deterministic mode keep theirs. */
  readonly timeSec: number;
}

/** What a new file needs. */
export interface CreateSifOptions extends EditOptions {
  /** 16 bytes. */
  readonly uuid: Uint8Array;
  /** Take the place of a file that is there. */
  readonly overwrite?: boolean;
}

/**
 * Creates a file without objects: no launch script, 48 free slots, no architecture.
 * @throws the file system's EEXIST when `path` is taken, unless `overwrite`
 */
export async function createSif(path: string, options: CreateSifOptions): Promise<void> {
  const tableSize = DESCRIPTOR_COUNT * DESCRIPTOR.size;
  const bytes = new Uint8Array(DESCRIPTORS_OFFSET + tableSize);
  const header: SifHeader = {
    launchScript: "",
    version: "01",
    arch: SifArch.unknown,
    uuid: options.uuid,
    createdSec: options.timeSec,
    modifiedSec: options.timeSec,
    descriptorsFree: DESCRIPTOR_COUNT,
    descriptorsTotal: DESCRIPTOR_COUNT,
    descriptorsOffset: DESCRIPTORS_OFFSET,
    descriptorsSize: tableSize,
    dataOffset: bytes.length,
    dataSize: 0,
  };
  HEADER.write(bytes, 0, headerToRecord(header));
  // Not "w": the open(2) of a FIFO that nobody reads would wait, and hold the process with it.
  const { O_WRONLY, O_CREAT, O_TRUNC, O_EXCL, O_NONBLOCK } = constants;
  const existing = options.overwrite === true ? O_TRUNC : O_EXCL;
  const handle = await open(path, O_WRONLY | O_CREAT | existing | O_NONBLOCK, 0o755);
  try {
    await handle.writeFile(bytes);
  } finally {
    await handle.close();
  }
}

/**
 * Adds an object behind the last one, in the first free slot, and returns its ID. Header and descriptor are
 * written after the content, so a failure on the way leaves the file as it was.
 * Unlike builders it is in no group unless one is given.
 * @throws SifError DESCRIPTORS_FULL, PRIMARY_EXISTS, EXTRA_INVALID, OBJECT_OUTSIDE_FILE and what `readSif` throws
 */
export async function addObject(
  path: string,
  object: NewObject,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  options: EditOptions,
): Promise<number> {
  return edit(path, async (handle, image) => {
    const { header, objects } = image;
    const used = new Set(objects.map(({ slot }) => slot));
    let slot = 0;
    while (used.has(slot)) slot++;
    if (slot >= header.descriptorsTotal)
      throw new SifError("DESCRIPTORS_FULL", { path, limit: header.descriptorsTotal });
    const extra = object.extra ?? { kind: "none" };
    const present = findPrimaryPartition(image);
    const isPrimary = extra.kind === "partition" && extra.partitionType === PartitionType.primarySystem;
    if (isPrimary && present !== undefined) throw new SifError("PRIMARY_EXISTS", { path, id: present.id });

    await checkInside(handle, path, image);
    const end = endOfData(image);
    const offset = alignUp(end, object.alignment || (object.dataType === DataType.partition ? PARTITION_ALIGNMENT : 1));
    const timeSec = timeFor(header, options);
    const added: SifObject = {
      slot,
      dataType: object.dataType,
      id: slot + 1,
      group: object.group ?? 0,
      link: object.link ?? { kind: "none" },
      offset,
      size: 0,
      sizeWithPadding: 0,
      createdSec: timeSec,
      modifiedSec: timeSec,
      name: object.name ?? "",
      extra,
    };
    objectToRecord(added); // refuses a wrong name or extra before anything is written
    const { size: former } = await handle.stat();
    const size = await writeContent(handle, end, offset, content).catch(async (error: unknown) => {
      // A full disk most of all: what is of no use any more does not stay there.
      await handle.truncate(former);
      throw error;
    });
    const complete = { ...added, size, sizeWithPadding: offset - end + size };
    await writeDescriptor(handle, header, complete);
    const now = [...objects, complete];
    const dataSize = endOfData({ header, objects: now }) - header.dataOffset;
    await writeHeader(handle, { ...header, dataSize }, now, timeSec);
    return complete.id;
  });
}

/**
 * Frees an object's descriptor. Its bytes stay in the file, and the header goes on counting them among the data until
 * an object is added, as Apptainer's does.
 * @throws SifError OBJECT_NOT_FOUND and what `readSif` throws
 */
export async function deleteObject(path: string, id: number, options: EditOptions): Promise<void> {
  await edit(path, async (handle, image) => {
    const gone = getObject(image, id, path);
    const { header, objects } = image;
    await writeAt(handle, new Uint8Array(DESCRIPTOR.size), descriptorOffset(header, gone.slot));
    const left = objects.filter((object) => object !== gone);
    await writeHeader(handle, header, left, timeFor(header, options));
  });
}

/**
 * Makes a System partition the primary one; the former primary becomes a System partition.
 * @throws SifError OBJECT_NOT_FOUND, OBJECT_NOT_PARTITION, PARTITION_NOT_SYSTEM and what `readSif` throws
 */
export async function setPrimaryPartition(path: string, id: number, options: EditOptions): Promise<void> {
  await edit(path, async (handle, image) => {
    const { header } = image;
    const chosen = getObject(image, id, path);
    const { extra } = chosen;
    if (extra.kind !== "partition") {
      throw new SifError("OBJECT_NOT_PARTITION", { path, id, seen: dataTypeName(chosen.dataType) });
    }
    if (extra.partitionType === PartitionType.primarySystem) return;
    if (extra.partitionType !== PartitionType.system) {
      throw new SifError("PARTITION_NOT_SYSTEM", { path, id, seen: partitionTypeName(extra.partitionType) });
    }
    const modifiedSec = timeFor(header, options);
    const changed = image.objects.map((object): SifObject => {
      if (object === chosen) {
        return { ...object, modifiedSec, extra: { ...extra, partitionType: PartitionType.primarySystem } };
      }
      if (object.extra.kind === "partition" && object.extra.partitionType === PartitionType.primarySystem) {
        return { ...object, modifiedSec, extra: { ...object.extra, partitionType: PartitionType.system } };
      }
      return object;
    });
    for (const object of changed) {
      if (!image.objects.includes(object)) await writeDescriptor(handle, header, object);
    }
    await writeHeader(handle, header, changed, modifiedSec);
  });
}

async function edit<T>(path: string, change: (handle: FileHandle, image: SifImage) => Promise<T>): Promise<T> {
  const handle = await openRegular(path, constants.O_RDWR);
  try {
    const result = await change(handle, await readSif(await handleAccess(handle, path)));
    await handle.sync();
    return result;
  } finally {
    await handle.close();
  }
}

/** Behind an object that the file does not hold, a new one would make the file as long as a damaged field says. */
async function checkInside(handle: FileHandle, path: string, { header, objects }: SifImage): Promise<void> {
  const { size: limit } = await handle.stat();
  for (const { id, offset, size } of objects) {
    if (offset + size > limit)
      throw new SifError("OBJECT_OUTSIDE_FILE", { path, id, offset, end: offset + size, limit });
  }
  if (header.dataOffset > limit) {
    const reason = `its objects begin at ${header.dataOffset}, the file ends at ${limit}`;
    throw new SifError("HEADER_DAMAGED", { path, reason });
  }
}

/** Where new content goes: behind the furthest object, whatever was deleted in between. */
function endOfData({ header, objects }: Pick<SifImage, "header" | "objects">): number {
  return Math.max(header.dataOffset, ...objects.map(({ offset, size }) => offset + size));
}

function timeFor({ uuid, createdSec, modifiedSec }: SifHeader, { timeSec }: EditOptions): number {
  const deterministic =
    uuid.every((byte) => byte === 0) && createdSec === GO_ZERO_TIME_SEC && modifiedSec === GO_ZERO_TIME_SEC;
  return deterministic ? GO_ZERO_TIME_SEC : timeSec;
}

function descriptorOffset(header: SifHeader, slot: number): number {
  return header.descriptorsOffset + slot * DESCRIPTOR.size;
}

async function writeDescriptor(handle: FileHandle, header: SifHeader, object: SifObject): Promise<void> {
  await writeAt(handle, DESCRIPTOR.encode(objectToRecord(object)), descriptorOffset(header, object.slot));
}

async function writeHeader(
  handle: FileHandle,
  header: SifHeader,
  objects: readonly SifObject[],
  modifiedSec: number,
): Promise<void> {
  const primary = findPrimaryPartition({ header, objects })?.extra;
  const next: SifHeader = {
    ...header,
    arch: primary?.kind === "partition" ? primary.arch : SifArch.unknown,
    modifiedSec,
    descriptorsFree: header.descriptorsTotal - objects.length,
  };
  // The launch script stays as it is: in a damaged file it is no text that could be written back.
  const { magic } = HEADER.offsets;
  await writeAt(handle, HEADER.encode(headerToRecord({ ...next, launchScript: "" })).subarray(magic), magic);
}

async function writeContent(
  handle: FileHandle,
  end: number,
  offset: number,
  content: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<number> {
  if (offset > end) await writeAt(handle, new Uint8Array(offset - end), end);
  let size = 0;
  for await (const piece of content instanceof Uint8Array ? [content] : content) {
    await writeAt(handle, piece, offset + size);
    size += piece.length;
  }
  return size;
}

async function writeAt(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
