import { InternalError } from "../errors.ts";
import type { Sink } from "../sink/sink.ts";
import { WindowSink } from "../sink/window-sink.ts";
import { SifArch } from "./architecture.ts";
import { DataType, FsType, PartitionType } from "./data-type.ts";
import { SifError } from "./errors.ts";
import type { Extra } from "./extra.ts";
import type { Link, SifObject } from "./image.ts";
import {
  DESCRIPTOR,
  DESCRIPTOR_COUNT,
  DESCRIPTORS_OFFSET,
  HEADER,
  LAUNCH_SCRIPT,
  MAX_LAUNCH_SCRIPT,
  PARTITION_ALIGNMENT,
} from "./layout.ts";
import { headerToRecord, objectToRecord } from "./records.ts";

/** What a new file carries for all of its objects. */
export interface SifWriterOptions {
  /** 16 bytes; `deriveUuid` makes one that depends on the image only. */
  readonly uuid: Uint8Array;
  /** Created and modified time of header and descriptors, Unix seconds. */
  readonly timeSec: number;
  /** At most 31 bytes; default the one that Apptainer writes. */
  readonly launchScript?: string;
  /** Slots of the table, default 48. */
  readonly descriptorCount?: number;
}

/** What a descriptor says of a new object. */
export interface NewObject {
  readonly dataType: number;
  /** At most 128 bytes; default "". */
  readonly name?: string;
  /** Default 1, which builders use for all but signatures; 0 for none. */
  readonly group?: number;
  readonly link?: Link;
  /** Default `{ kind: "none" }`. */
  readonly extra?: Extra;
  /** Default 4096 for partitions, else 1. */
  readonly alignment?: number;
}

/** Where the next object starts for an alignment. */
export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}

/**
 * Writes a SIF front to back: objects in the order of the calls, IDs from 1; header and descriptor table
 * are patched by `finish`. The sink stays the caller's to finish or abort.
 */
export class SifWriter {
  readonly #sink: Sink;
  readonly #options: Required<SifWriterOptions>;
  readonly #objects: SifObject[] = [];
  readonly #dataOffset: number;
  /** Where the last object written ends; padding counts from here. */
  #end: number;
  #partition: WindowSink | undefined;

  private constructor(sink: Sink, options: Required<SifWriterOptions>) {
    this.#sink = sink;
    this.#options = options;
    this.#dataOffset = DESCRIPTORS_OFFSET + options.descriptorCount * DESCRIPTOR.size;
    this.#end = this.#dataOffset;
  }

  /** Starts a file at the beginning of `sink`, leaving zeros where header and table will stand. */
  static async begin(sink: Sink, options: SifWriterOptions): Promise<SifWriter> {
    const launchScript = options.launchScript ?? LAUNCH_SCRIPT;
    if (Buffer.byteLength(launchScript) > MAX_LAUNCH_SCRIPT)
      throw new RangeError(`launch script has more than ${MAX_LAUNCH_SCRIPT} bytes`);
    if (options.uuid.length !== 16) throw new RangeError(`a UUID has 16 bytes, not ${options.uuid.length}`);
    if (sink.position !== 0)
      throw new InternalError("a SIF begins at the start of its sink", { position: sink.position });
    const writer = new SifWriter(sink, { descriptorCount: DESCRIPTOR_COUNT, ...options, launchScript });
    await sink.write(new Uint8Array(writer.#dataOffset));
    return writer;
  }

  /**
   * Appends an object and returns its ID.
   * @throws SifError DESCRIPTORS_FULL, EXTRA_INVALID, PRIMARY_EXISTS
   */
  async add(object: NewObject, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<number> {
    const start = await this.#start(object);
    if (content instanceof Uint8Array) await this.#sink.write(content);
    else for await (const piece of content) await this.#sink.write(piece);
    return this.#record(object, start);
  }

  /**
   * Gives an object new content: in its place where that has the same size, else behind everything so far, and
   * what stood for it before is dead space. For the one object whose content depends on the partition that
   * follows it.
   */
  async replace(id: number, content: Uint8Array): Promise<void> {
    if (this.#partition !== undefined) throw new InternalError("a partition is still open");
    const slot = this.#objects.findIndex((object) => object.id === id);
    const former = this.#objects[slot];
    if (former === undefined) throw new InternalError(`no object ${id} to replace`);
    if (content.length === former.size) return this.#sink.patch(former.offset, content);
    const offset = this.#sink.position;
    await this.#sink.write(content);
    this.#objects[slot] = { ...former, offset, size: content.length, sizeWithPadding: content.length };
    this.#end = this.#sink.position;
  }

  /** Pads to a page and lends the sink behind it for a squashfs; no other object until `endPartition`. */
  async beginPartition(): Promise<Sink> {
    await this.#start({ dataType: DataType.partition, extra: primary(SifArch.unknown) });
    this.#partition = new WindowSink(this.#sink);
    return this.#partition;
  }

  /**
   * Ends the primary squashfs partition and returns its ID. The partition is padded to whole pages: a kernel
   * mount refuses one whose size is not a multiple of 512.
   * @param arch architecture code of the programs in it, known only when the tree is
   */
  async endPartition(arch: number): Promise<number> {
    const window = this.#partition;
    if (window === undefined) throw new InternalError("no partition was begun");
    const padding = alignUp(window.position, PARTITION_ALIGNMENT) - window.position;
    if (padding > 0) await window.write(new Uint8Array(padding));
    await window.finish();
    this.#partition = undefined;
    return this.#record({ dataType: DataType.partition, extra: primary(arch) }, this.#sink.position - window.position);
  }

  /** Patches header and descriptor table; the sink itself is not finished. */
  async finish(): Promise<void> {
    if (this.#partition !== undefined) throw new InternalError("a partition is still open");
    const { uuid, timeSec, launchScript, descriptorCount } = this.#options;
    const table = new Uint8Array(descriptorCount * DESCRIPTOR.size);
    for (const object of this.#objects) DESCRIPTOR.write(table, object.slot * DESCRIPTOR.size, objectToRecord(object));
    await this.#sink.patch(DESCRIPTORS_OFFSET, table);
    const header = HEADER.encode(
      headerToRecord({
        launchScript,
        version: "01",
        arch: this.#primaryArch(),
        uuid,
        createdSec: timeSec,
        modifiedSec: timeSec,
        descriptorsFree: descriptorCount - this.#objects.length,
        descriptorsTotal: descriptorCount,
        descriptorsOffset: DESCRIPTORS_OFFSET,
        descriptorsSize: table.length,
        dataOffset: this.#dataOffset,
        dataSize: this.#sink.position - this.#dataOffset,
      }),
    );
    await this.#sink.patch(0, header);
  }

  /** Checks that the object may come next, and pads to its alignment; returns where it starts. */
  async #start({ dataType, extra, alignment }: NewObject): Promise<number> {
    if (this.#partition !== undefined) throw new InternalError("a partition is still open");
    const { descriptorCount } = this.#options;
    if (this.#objects.length === descriptorCount) throw new SifError("DESCRIPTORS_FULL", { limit: descriptorCount });
    if (extra?.kind === "partition" && extra.partitionType === PartitionType.primarySystem) {
      const present = this.#primary();
      if (present !== undefined) throw new SifError("PRIMARY_EXISTS", { id: present.id });
    }
    const end = this.#sink.position;
    const start = alignUp(end, alignment ?? (dataType === DataType.partition ? PARTITION_ALIGNMENT : 1));
    if (start > end) await this.#sink.write(new Uint8Array(start - end));
    return start;
  }

  #record(
    { dataType, name = "", group = 1, link = { kind: "none" }, extra = { kind: "none" } }: NewObject,
    offset: number,
  ): number {
    const size = this.#sink.position - offset;
    const slot = this.#objects.length;
    const { timeSec } = this.#options;
    const object: SifObject = {
      slot,
      dataType,
      id: slot + 1,
      group,
      link,
      offset,
      size,
      sizeWithPadding: offset - this.#end + size,
      createdSec: timeSec,
      modifiedSec: timeSec,
      name,
      extra,
    };
    objectToRecord(object); // a wrong name or extra is told now, not when the table is written
    this.#objects.push(object);
    this.#end = this.#sink.position;
    return object.id;
  }

  #primary(): SifObject | undefined {
    return this.#objects.find(
      ({ extra }) => extra.kind === "partition" && extra.partitionType === PartitionType.primarySystem,
    );
  }

  #primaryArch(): number {
    const extra = this.#primary()?.extra;
    return extra?.kind === "partition" ? extra.arch : SifArch.unknown;
  }
}

function primary(arch: number): Extra {
  return { kind: "partition", fsType: FsType.squashfs, partitionType: PartitionType.primarySystem, arch };
}
