import type { ByteString } from "../bytes/byte-string.ts";
import type { BlockCodec } from "../wasm/block-codec.ts";
import {
  DIRECTORY_ENTRY,
  DIRECTORY_HEADER,
  DIRECTORY_INDEX,
  type DirectoryEntry,
  MAX_NAME_SIZE,
  MAX_RUN,
  METADATA_BLOCK_SIZE,
} from "./format.ts";
import { MetadataWriter } from "./metadata-writer.ts";

/** Where a directory's listing lies, for its inode. */
export interface Listing {
  readonly blockStart: number;
  readonly blockOffset: number;
  /** Bytes; 0 for an empty directory. */
  readonly size: number;
  /** Encoded {@link DIRECTORY_INDEX} records with their names. */
  readonly index: Uint8Array;
  readonly indexCount: number;
}

/** `indexCount` is a u16. */
const MAX_INDEX_COUNT = 0xffff;
const RUN_BYTES: number = DIRECTORY_HEADER.size + MAX_RUN * (DIRECTORY_ENTRY.size + MAX_NAME_SIZE);
const NO_INDEX = new Uint8Array();

/**
 * Writes listings into the directory table, which stays in memory (compressed) until the inodes are out.
 * One listing at a time: `begin`, an `add` per name, `end`. Nothing is allocated per name: there may be millions.
 */
export class DirectoryWriter {
  readonly table: MetadataWriter;
  /** The run being gathered: its header is complete only when its last entry is known. */
  readonly #run = Buffer.allocUnsafeSlow(RUN_BYTES);
  readonly #view: DataView = new DataView(this.#run.buffer, this.#run.byteOffset, this.#run.length);
  readonly #entry: DirectoryEntry = { blockOffset: 0, inodeDelta: 0, type: 0, nameSizeLess1: 0 };
  readonly #index: Uint8Array[] = [];
  #runSize = 0;
  #runCount = 0;
  #runBlock = 0;
  #runInode = 0;
  #blockStart = 0;
  #blockOffset = 0;
  /** Bytes of the listing in the table. */
  #size = 0;
  /** Where in the listing the last index record points. */
  #indexed = 0;

  constructor(codec: BlockCodec) {
    this.table = new MetadataWriter(codec, "directory");
  }

  begin(): void {
    this.#blockStart = this.table.blockStart;
    this.#blockOffset = this.table.blockOffset;
    this.#size = 0;
    this.#indexed = 0;
    this.#index.length = 0;
  }

  /**
   * The next name, in bytewise order.
   * @param type basic type
   * @param inodeBlock where its inode was written
   */
  add(name: ByteString, type: number, inodeNumber: number, inodeBlock: number, inodeOffset: number): void {
    // A point to begin from in every metadata block of the listing: a lookup then reads one or two.
    const distance = this.#size + this.#runSize - this.#indexed;
    const isDistant = distance >= METADATA_BLOCK_SIZE && this.#index.length < MAX_INDEX_COUNT;
    if (isDistant || !this.#fits(inodeNumber, inodeBlock)) {
      this.#endRun();
      if (isDistant) this.#addIndex(name);
    }
    if (this.#runCount === 0) {
      this.#runSize = DIRECTORY_HEADER.size;
      this.#runBlock = inodeBlock;
      this.#runInode = inodeNumber;
    }
    const nameSize = this.#run.write(name, this.#runSize + DIRECTORY_ENTRY.size, "latin1");
    const entry = this.#entry;
    entry.blockOffset = inodeOffset;
    entry.inodeDelta = inodeNumber - this.#runInode;
    entry.type = type;
    entry.nameSizeLess1 = nameSize - 1;
    DIRECTORY_ENTRY.put(this.#view, this.#runSize, entry);
    this.#runSize += DIRECTORY_ENTRY.size + nameSize;
    this.#runCount++;
  }

  end(): Listing {
    this.#endRun();
    const indexCount = this.#index.length;
    const index = indexCount === 0 ? NO_INDEX : Buffer.concat(this.#index);
    return { blockStart: this.#blockStart, blockOffset: this.#blockOffset, size: this.#size, index, indexCount };
  }

  #fits(inodeNumber: number, inodeBlock: number): boolean {
    if (this.#runCount === 0) return true;
    const delta = inodeNumber - this.#runInode;
    return this.#runCount < MAX_RUN && inodeBlock === this.#runBlock && delta >= -0x8000 && delta <= 0x7fff;
  }

  #endRun(): void {
    if (this.#runCount === 0) return;
    const header = { countLess1: this.#runCount - 1, blockStart: this.#runBlock, inodeNumber: this.#runInode };
    DIRECTORY_HEADER.write(this.#run, 0, header);
    this.table.append(this.#run.subarray(0, this.#runSize));
    this.#size += this.#runSize;
    this.#runSize = 0;
    this.#runCount = 0;
  }

  #addIndex(name: ByteString): void {
    const record = Buffer.alloc(DIRECTORY_INDEX.size + name.length);
    record.write(name, DIRECTORY_INDEX.size, "latin1");
    const { blockStart } = this.table;
    DIRECTORY_INDEX.write(record, 0, { listingOffset: this.#size, blockStart, nameSize: name.length - 1 });
    this.#index.push(record);
    this.#indexed = this.#size;
  }
}
