import { parseJson } from "../bytes/parse-json.ts";
import { DataType, FsType } from "../sif/data-type.ts";
import { findJson, findPrimaryPartition, type SifImage, type SifObject } from "../sif/image.ts";
import { readObject, streamObject } from "../sif/reader.ts";
import { type BuildRecord, readBuildRecord } from "../singularity-d/build-record.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { VerifyResult } from "../squashfs/reader/verify-content.ts";
import { ImageFileError } from "./errors.ts";
import { type ImageFile, openPartition } from "./open-image.ts";

/** A file system that was read whole. */
export interface CheckedPartition extends VerifyResult {
  /** Of the SIF; undefined where the file is a squashfs image itself. */
  readonly objectId: number | undefined;
  readonly compressor: string;
}

/** What a check found in a file that is whole. */
export interface CheckReport {
  /** Bytes of the file. */
  readonly size: number;
  readonly objectCount: number;
  /** Bytes behind the last object, which none of them has: those of one that was deleted, or was never added whole. */
  readonly unusedSize: number;
  readonly partitions: readonly CheckedPartition[];
  /** What the build recorded, which the primary partition agrees with; undefined where nothing is recorded. */
  readonly record: BuildRecord | undefined;
}

/** How a check reports and ends. */
export interface CheckOptions {
  readonly signal?: AbortSignal;
}

/**
 * Reads an image file whole: each object is there, none shares its ID or bytes with another; in each squashfs partition
 * every block decompresses and the tables agree; the root partition holds what the build recorded.
 * @throws SifError, SquashfsReadError, ImageFileError (OBJECT_ID_SHARED, OBJECTS_OVERLAP, OBJECT_NOT_JSON,
 *   COUNT_MISMATCH) at the first fault
 */
export async function checkImage(image: ImageFile, options: CheckOptions = {}): Promise<CheckReport> {
  const { sif, source, path } = image;
  const { size } = source;
  if (sif === undefined) {
    const partition = await checkSquashfs(await image.root(), undefined, options);
    return { size, objectCount: 0, unusedSize: 0, partitions: [partition], record: undefined };
  }
  refuseSharedIds(sif, path);
  refuseOverlaps(sif, path);
  const record = await readRecord(image, sif);
  const partitions: CheckedPartition[] = [];
  for (const object of sif.objects) {
    options.signal?.throwIfAborted();
    if (object.extra.kind === "partition" && object.extra.fsType === FsType.squashfs) {
      const checked = await checkSquashfs(await openPartition(source, object), object.id, options);
      if (record !== undefined && object === findPrimaryPartition(sif)) compareCounts(checked, record, path, object);
      partitions.push(checked);
    } else if (object.dataType === DataType.genericJson || object.dataType === DataType.labels) {
      await parseObject(image, object);
    } else {
      for await (const _ of streamObject(source, object)) options.signal?.throwIfAborted();
    }
  }
  const end = Math.max(sif.header.dataOffset, ...sif.objects.map(({ offset, size: length }) => offset + length));
  return { size, objectCount: sif.objects.length, unusedSize: Math.max(0, size - end), partitions, record };
}

async function checkSquashfs(
  squashfs: SquashfsImage,
  objectId: number | undefined,
  { signal }: CheckOptions,
): Promise<CheckedPartition> {
  const found = await squashfs.verifyContent(signal === undefined ? {} : { signal });
  return { objectId, compressor: squashfs.header.compressor, ...found };
}

function refuseSharedIds({ objects }: SifImage, path: string): void {
  const found = new Map<number, SifObject>();
  for (const object of objects) {
    const { id, slot, offset, size } = object;
    const first = found.get(id);
    if (first !== undefined) {
      throw new ImageFileError("OBJECT_ID_SHARED", {
        ...{ path, id, firstSlot: first.slot + 1, firstOffset: first.offset, firstEnd: first.offset + first.size },
        ...{ slot: slot + 1, offset, end: offset + size },
      });
    }
    found.set(id, object);
  }
}

function refuseOverlaps({ objects }: SifImage, path: string): void {
  let last: SifObject | undefined;
  for (const object of [...objects].sort((a, b) => a.offset - b.offset)) {
    if (object.size === 0) continue;
    const { id, offset } = object;
    const end = last === undefined ? 0 : last.offset + last.size;
    if (offset < end) throw new ImageFileError("OBJECTS_OVERLAP", { path, first: last?.id, id, end, offset });
    last = object;
  }
}

async function readRecord(image: ImageFile, sif: SifImage): Promise<BuildRecord | undefined> {
  const object = findJson(sif, "inspect-metadata.json");
  return object === undefined ? undefined : readBuildRecord(await parseObject(image, object));
}

async function parseObject({ source, path }: ImageFile, object: SifObject): Promise<unknown> {
  const bytes = await readObject(source, object);
  try {
    return parseJson(Buffer.from(bytes).toString("utf8"));
  } catch (cause) {
    const { id, offset } = object;
    throw new ImageFileError("OBJECT_NOT_JSON", { path, id, offset, problem: (cause as Error).message, cause });
  }
}

function compareCounts(found: CheckedPartition, { counts }: BuildRecord, path: string, object: SifObject): void {
  const compare = (what: string, seen: number, recorded: number): void => {
    if (seen === recorded) return;
    const { id, offset } = object;
    throw new ImageFileError("COUNT_MISMATCH", { path, id, offset, what, seen, recorded });
  };
  for (const [kind, seen] of Object.entries(found.inodes)) {
    compare(`the number of inodes of kind ${kind}`, seen, counts.inodes[kind] ?? 0);
  }
  compare("the number of names", found.entryCount, counts.entries);
  compare("the bytes of all files", found.fileSize, counts.fileSize);
}
