import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { openRegular } from "../bytes/open-regular.ts";
import { handleAccess } from "../bytes/random-access.ts";
import { SifArch } from "./architecture.ts";
import { DataType, dataTypeName, PartitionType, partitionTypeName } from "./data-type.ts";
import { SifError } from "./errors.ts";
import type { Extra } from "./extra.ts";
import { findPrimaryPartition, type SifHeader, type SifImage, type SifObject } from "./image.ts";
import { InPlaceFile, type Patch } from "./in-place.ts";
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
  /** Stops the edit, which leaves the file as it was; what is complete stays. */
  readonly signal?: AbortSignal;
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

/** An object to add, and its bytes. */
export interface Addition {
  /** Where no extra is given, an OCI object gets the digest of its content. */
  readonly object: NewObject;
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
}

/**
 * Adds an object behind the last one, in the first free slot, and returns its ID. What an edit that was killed left
 * there goes. Unlike those of builders it is in no group unless one is given. What fails on the way, or is stopped by
 * the signal, leaves the file as it was.
 * @throws SifError DESCRIPTORS_FULL, PRIMARY_EXISTS, EXTRA_INVALID, OBJECT_OUTSIDE_FILE, EDIT_NOT_UNDONE and what
 *   `readSif` throws
 */
export async function addObject(
  path: string,
  object: NewObject,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  options: EditOptions,
): Promise<number> {
  const [id] = await addObjects(path, [{ object, content }], options);
  return id as number;
}

/** As {@link addObject}, for several: all of them or none. */
export async function addObjects(
  path: string,
  additions: readonly Addition[],
  options: EditOptions,
): Promise<readonly number[]> {
  return edit(path, async (file, image) => {
    const { header } = image;
    const timeSec = timeFor(header, options);
    checkInside(file.formerSize, path, image);
    const planned = planObjects(path, image, additions, timeSec);
    const added: SifObject[] = [];
    for (const { object, content, alignment } of planned) {
      const end = endOfData({ header, objects: [...image.objects, ...added] });
      const offset = alignUp(end, alignment);
      await file.extend(offset);
      const hash = object.extra.kind === "oci" && object.extra.digest === "" ? createHash("sha256") : undefined;
      const size = await writeContent(file, offset, content, { hash, signal: options.signal });
      const extra: Extra = hash === undefined ? object.extra : { kind: "oci", digest: `sha256:${hash.digest("hex")}` };
      added.push({ ...object, extra, offset, size, sizeWithPadding: offset - end + size });
    }
    options.signal?.throwIfAborted();
    // The header that stands there knows nothing of what is behind its objects: until here it is a whole file.
    await file.flush();
    const objects = [...image.objects, ...added];
    const dataSize = endOfData({ header, objects }) - header.dataOffset;
    const descriptors = added.map((object) => descriptorPatch(header, object));
    await file.patch([...descriptors, headerPatch({ ...header, dataSize }, objects, timeSec)]);
    // A deleted object's bytes are counted by the header, and stay, as with Apptainer. Behind those only an edit that
    // was killed leaves any.
    await file.finish(header.dataOffset + Math.max(header.dataSize, dataSize));
    return added.map(({ id }) => id);
  });
}

interface PlannedObject extends Pick<Addition, "content"> {
  /** Without its place. */
  readonly object: SifObject;
  readonly alignment: number;
}

/** Slots, and what is refused before anything is written. */
function planObjects(
  path: string,
  image: SifImage,
  additions: readonly Addition[],
  timeSec: number,
): readonly PlannedObject[] {
  const { header, objects } = image;
  const used = new Set(objects.map(({ slot }) => slot));
  let primary = findPrimaryPartition(image)?.id;
  return additions.map(({ object, content }) => {
    const { dataType, extra = defaultExtra(dataType) } = object;
    let slot = 0;
    while (used.has(slot)) slot++;
    used.add(slot);
    if (slot >= header.descriptorsTotal)
      throw new SifError("DESCRIPTORS_FULL", { path, limit: header.descriptorsTotal });
    const isPrimary = extra.kind === "partition" && extra.partitionType === PartitionType.primarySystem;
    if (isPrimary && primary !== undefined) throw new SifError("PRIMARY_EXISTS", { path, id: primary });
    if (isPrimary) primary = slot + 1;
    const planned: SifObject = {
      slot,
      dataType,
      id: slot + 1,
      group: object.group ?? 0,
      link: object.link ?? { kind: "none" },
      ...{ offset: 0, size: 0, sizeWithPadding: 0 },
      createdSec: timeSec,
      modifiedSec: timeSec,
      name: object.name ?? "",
      extra,
    };
    objectToRecord(planned); // refuses a wrong name or extra
    return {
      object: planned,
      content,
      alignment: object.alignment ?? (dataType === DataType.partition ? PARTITION_ALIGNMENT : 1),
    };
  });
}

function defaultExtra(dataType: number): Extra {
  const isOci = dataType === DataType.ociRootIndex || dataType === DataType.ociBlob;
  return isOci ? { kind: "oci", digest: "" } : { kind: "none" };
}

/**
 * Frees an object's descriptor. Its bytes stay in the file, and the header goes on counting them among the data until
 * an object is added, as Apptainer's does.
 * @throws SifError OBJECT_NOT_FOUND and what `readSif` throws
 */
export async function deleteObject(path: string, id: number, options: EditOptions): Promise<void> {
  await edit(path, async (file, image) => {
    const gone = getObject(image, id, path);
    const { header, objects } = image;
    const left = objects.filter((object) => object !== gone);
    const freed = { offset: descriptorOffset(header, gone.slot), bytes: new Uint8Array(DESCRIPTOR.size) };
    options.signal?.throwIfAborted();
    await file.patch([freed, headerPatch(header, left, timeFor(header, options))]);
  });
}

/**
 * Makes a System partition the primary one; the former primary becomes a System partition.
 * @throws SifError OBJECT_NOT_FOUND, OBJECT_NOT_PARTITION, PARTITION_NOT_SYSTEM and what `readSif` throws
 */
export async function setPrimaryPartition(path: string, id: number, options: EditOptions): Promise<void> {
  await edit(path, async (file, image) => {
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
    const descriptors = changed
      .filter((object) => !image.objects.includes(object))
      .map((object) => descriptorPatch(header, object));
    options.signal?.throwIfAborted();
    await file.patch([...descriptors, headerPatch(header, changed, modifiedSec)]);
  });
}

async function edit<T>(path: string, change: (file: InPlaceFile, image: SifImage) => Promise<T>): Promise<T> {
  const handle = await openRegular(path, constants.O_RDWR);
  try {
    const image = await readSif(await handleAccess(handle, path));
    const file = await InPlaceFile.begin(handle, path);
    try {
      const result = await change(file, image);
      await file.flush();
      return result;
    } catch (error) {
      await file.undo(error);
      throw error;
    } finally {
      await file.close();
    }
  } finally {
    await handle.close();
  }
}

/** Behind an object that the file does not hold, a new one would make the file as long as a damaged field says. */
function checkInside(limit: number, path: string, { header, objects }: SifImage): void {
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

function descriptorPatch(header: SifHeader, object: SifObject): Patch {
  return { offset: descriptorOffset(header, object.slot), bytes: DESCRIPTOR.encode(objectToRecord(object)) };
}

function headerPatch(header: SifHeader, objects: readonly SifObject[], modifiedSec: number): Patch {
  const primary = findPrimaryPartition({ header, objects })?.extra;
  const next: SifHeader = {
    ...header,
    arch: primary?.kind === "partition" ? primary.arch : SifArch.unknown,
    modifiedSec,
    descriptorsFree: header.descriptorsTotal - objects.length,
  };
  // The launch script stays as it is: in a damaged file it is no text that could be written back.
  const { magic } = HEADER.offsets;
  return { offset: magic, bytes: HEADER.encode(headerToRecord({ ...next, launchScript: "" })).subarray(magic) };
}

async function writeContent(
  file: InPlaceFile,
  start: number,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  { hash, signal }: { readonly hash: Hash | undefined; readonly signal: AbortSignal | undefined },
): Promise<number> {
  let size = 0;
  for await (const bytes of content instanceof Uint8Array ? [content] : content) {
    signal?.throwIfAborted();
    hash?.update(bytes);
    await file.write({ offset: start + size, bytes });
    size += bytes.length;
  }
  return size;
}
