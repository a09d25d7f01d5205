import { bytes, i32, i64, type Struct, struct, u8, u32 } from "../bytes/struct.ts";

/** The global header as stored: 128 bytes, packed, little-endian. */
export interface HeaderRecord {
  readonly launchScript: Uint8Array;
  readonly magic: Uint8Array;
  readonly version: Uint8Array;
  readonly architecture: Uint8Array;
  readonly uuid: Uint8Array;
  readonly createdSec: bigint;
  readonly modifiedSec: bigint;
  readonly descriptorsFree: bigint;
  readonly descriptorsTotal: bigint;
  readonly descriptorsOffset: bigint;
  readonly descriptorsSize: bigint;
  readonly dataOffset: bigint;
  readonly dataSize: bigint;
}

/** SIF global header, 128 bytes. */
export const HEADER: Struct<HeaderRecord> = struct<HeaderRecord>({
  launchScript: bytes(32),
  magic: bytes(10),
  version: bytes(3),
  architecture: bytes(3),
  uuid: bytes(16),
  createdSec: i64,
  modifiedSec: i64,
  descriptorsFree: i64,
  descriptorsTotal: i64,
  descriptorsOffset: i64,
  descriptorsSize: i64,
  dataOffset: i64,
  dataSize: i64,
});

/** A descriptor as stored: 585 bytes, packed, little-endian. */
export interface DescriptorRecord {
  readonly dataType: number;
  readonly used: number;
  readonly id: number;
  readonly group: number;
  readonly link: number;
  readonly offset: bigint;
  readonly size: bigint;
  /** `size` plus the padding that stands in front of the object. */
  readonly sizeWithPadding: bigint;
  readonly createdSec: bigint;
  readonly modifiedSec: bigint;
  /** Written 0 by all current tools. */
  readonly uid: bigint;
  readonly gid: bigint;
  readonly name: Uint8Array;
  readonly extra: Uint8Array;
}

/** SIF descriptor, 585 bytes. */
export const DESCRIPTOR: Struct<DescriptorRecord> = struct<DescriptorRecord>({
  dataType: i32,
  used: u8,
  id: u32,
  group: u32,
  link: u32,
  offset: i64,
  size: i64,
  sizeWithPadding: i64,
  createdSec: i64,
  modifiedSec: i64,
  uid: i64,
  gid: i64,
  name: bytes(128),
  extra: bytes(384),
});

const ascii = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "latin1"));

/** What makes `./image.sif` runnable where a `run-singularity` program is in PATH. */
export const LAUNCH_SCRIPT = "#!/usr/bin/env run-singularity\n";
/** Longest launch script: its field keeps one zero byte. */
export const MAX_LAUNCH_SCRIPT = 31;
export const MAGIC: Uint8Array = ascii("SIF_MAGIC\0");
export const VERSION: Uint8Array = ascii("01\0");

/** Where writers put the table; readers take it from the header. */
export const DESCRIPTORS_OFFSET = 4096;
/** Slots that writers make; readers take the number from the header. */
export const DESCRIPTOR_COUNT = 48;
/** Page alignment, so that a loop device or mmap can map a partition. */
export const PARTITION_ALIGNMENT = 4096;

/** Go's zero time, year 1: with a zero UUID the mark of the deterministic mode, whose files have no times. */
export const GO_ZERO_TIME_SEC = -62_135_596_800;

/** The flag that tells a group number from "none" and from an object ID. */
export const GROUP_MASK = 0xf0000000;
