import { DataType, PartitionType } from "./data-type.ts";
import type { Extra } from "./extra.ts";

/** The global header, decoded. */
export interface SifHeader {
  /** Without its zero padding; "" when there is none. */
  readonly launchScript: string;
  /** "01" */
  readonly version: string;
  /** Architecture code of the primary partition, 0 without one. */
  readonly arch: number;
  /** 16 bytes, RFC 4122 order. */
  readonly uuid: Uint8Array;
  /** Unix seconds; −62135596800 in files of the deterministic mode. */
  readonly createdSec: number;
  readonly modifiedSec: number;
  /** As written; readers must not rely on it. */
  readonly descriptorsFree: number;
  readonly descriptorsTotal: number;
  readonly descriptorsOffset: number;
  readonly descriptorsSize: number;
  readonly dataOffset: number;
  readonly dataSize: number;
}

/** What an object refers to. */
export type Link =
  | { readonly kind: "none" }
  | { readonly kind: "object"; readonly id: number }
  | { readonly kind: "group"; readonly group: number };

/** A data object of a SIF, decoded from its descriptor. */
export interface SifObject {
  /** Place in the descriptor table, from 0. */
  readonly slot: number;
  readonly dataType: number;
  readonly id: number;
  /** Group number, 0 for none. */
  readonly group: number;
  readonly link: Link;
  readonly offset: number;
  readonly size: number;
  /**
   * Offset and size as stored where no file has them (negative, beyond 2^53), and the fields above are about these:
   * only for showing. {@link readSif} refuses such objects unless told to keep them.
   */
  readonly impossible?: { readonly offset: bigint; readonly size: bigint };
  /** `size` and the padding in front of the object. */
  readonly sizeWithPadding: number;
  readonly createdSec: number;
  readonly modifiedSec: number;
  readonly name: string;
  readonly extra: Extra;
}

/** Header and used descriptors of a SIF file; objects stand in the order of the table. */
export interface SifImage {
  readonly header: SifHeader;
  readonly objects: readonly SifObject[];
}

/** The partition that is the container's root, or undefined. */
export function findPrimaryPartition(image: SifImage): SifObject | undefined {
  return image.objects.find(
    ({ extra }) => extra.kind === "partition" && extra.partitionType === PartitionType.primarySystem,
  );
}

/** The first partition for data, which is what binds are taken out of, or undefined. */
export function findDataPartition(image: SifImage): SifObject | undefined {
  return image.objects.find(({ extra }) => extra.kind === "partition" && extra.partitionType === PartitionType.data);
}

/** The definition text's object (the first, should there be several), or undefined. */
export function findDefinition(image: SifImage): SifObject | undefined {
  return image.objects.find(({ dataType }) => dataType === DataType.definition);
}

/** The JSON object of that name (`inspect-metadata.json`, `oci-config.json`), or undefined. */
export function findJson(image: SifImage, name: string): SifObject | undefined {
  return image.objects.find((object) => object.dataType === DataType.genericJson && object.name === name);
}
