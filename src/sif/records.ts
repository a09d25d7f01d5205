import { toSafeNumber } from "../bytes/struct.ts";
import { decodeArch, encodeArch } from "./architecture.ts";
import { decodeExtra, encodeExtra } from "./extra.ts";
import type { Link, SifHeader, SifObject } from "./image.ts";
import { type DescriptorRecord, GROUP_MASK, type HeaderRecord, MAGIC, VERSION } from "./layout.ts";

const text = (stored: Uint8Array): string => {
  const end = stored.indexOf(0);
  return Buffer.from(end < 0 ? stored : stored.subarray(0, end)).toString("utf8");
};

/** A stored header in plain terms; a RangeError where a size or offset is negative or beyond 2^53. */
export function headerFromRecord(record: HeaderRecord): SifHeader {
  return {
    launchScript: text(record.launchScript),
    version: text(record.version),
    arch: decodeArch(record.architecture),
    uuid: record.uuid,
    createdSec: Number(record.createdSec),
    modifiedSec: Number(record.modifiedSec),
    descriptorsFree: Number(record.descriptorsFree),
    descriptorsTotal: toSafeNumber(record.descriptorsTotal, "number of descriptors"),
    descriptorsOffset: toSafeNumber(record.descriptorsOffset, "offset of descriptors"),
    descriptorsSize: toSafeNumber(record.descriptorsSize, "size of descriptors"),
    dataOffset: toSafeNumber(record.dataOffset, "offset of data"),
    dataSize: toSafeNumber(record.dataSize, "size of data"),
  };
}

/** The inverse of {@link headerFromRecord}. */
export function headerToRecord(header: SifHeader): HeaderRecord {
  return {
    launchScript: Buffer.from(header.launchScript, "utf8"),
    magic: MAGIC,
    version: VERSION,
    architecture: encodeArch(header.arch),
    uuid: header.uuid,
    createdSec: BigInt(header.createdSec),
    modifiedSec: BigInt(header.modifiedSec),
    descriptorsFree: BigInt(header.descriptorsFree),
    descriptorsTotal: BigInt(header.descriptorsTotal),
    descriptorsOffset: BigInt(header.descriptorsOffset),
    descriptorsSize: BigInt(header.descriptorsSize),
    dataOffset: BigInt(header.dataOffset),
    dataSize: BigInt(header.dataSize),
  };
}

const isGroup = (word: number): boolean => (word & GROUP_MASK) >>> 0 === GROUP_MASK;
const withoutMask = (word: number): number => (word & ~GROUP_MASK) >>> 0;
const withMask = (group: number): number => (group | GROUP_MASK) >>> 0;

function linkFromWord(word: number): Link {
  if (word === 0) return { kind: "none" };
  return isGroup(word) ? { kind: "group", group: withoutMask(word) } : { kind: "object", id: word };
}

function linkToWord(link: Link): number {
  switch (link.kind) {
    case "none":
      return 0;
    case "object":
      return link.id;
    case "group":
      return withMask(link.group);
  }
}

/** A stored descriptor in plain terms, `impossible` where no file has its offset and size. */
export function objectFromRecord(record: DescriptorRecord, slot: number): SifObject {
  return {
    slot,
    dataType: record.dataType,
    id: record.id,
    group: withoutMask(record.group),
    link: linkFromWord(record.link),
    offset: Number(record.offset),
    size: Number(record.size),
    ...(isPossible(record) ? {} : { impossible: { offset: record.offset, size: record.size } }),
    sizeWithPadding: Number(record.sizeWithPadding),
    createdSec: Number(record.createdSec),
    modifiedSec: Number(record.modifiedSec),
    name: text(record.name),
    extra: decodeExtra(record.dataType, record.extra),
  };
}

function isPossible({ offset, size }: DescriptorRecord): boolean {
  return offset >= 0n && size >= 0n && offset + size <= BigInt(Number.MAX_SAFE_INTEGER);
}

/** The inverse of {@link objectFromRecord}. */
export function objectToRecord(object: SifObject): DescriptorRecord {
  return {
    dataType: object.dataType,
    used: 1,
    id: object.id,
    group: withMask(object.group),
    link: linkToWord(object.link),
    offset: BigInt(object.offset),
    size: BigInt(object.size),
    sizeWithPadding: BigInt(object.sizeWithPadding),
    createdSec: BigInt(object.createdSec),
    modifiedSec: BigInt(object.modifiedSec),
    uid: 0n,
    gid: 0n,
    name: Buffer.from(object.name, "utf8"),
    extra: encodeExtra(object.dataType, object.extra),
  };
}
