import type { ByteString } from "../bytes/byte-string.ts";
import type { BlockCodec } from "../wasm/block-codec.ts";
import {
  DIRECTORY_ENTRY,
  DIRECTORY_HEADER,
  DIRECTORY_INDEX,
  MAX_NAME_SIZE,
  MAX_RUN,
  METADATA_BLOCK_SIZE,
} from "./format.ts";
import { MetadataWriter } from "./metadata-writer.ts";

/** A name in a directory, and where its inode was written. */
export interface ListedEntry {
  readonly name: ByteString;
  /** Basic type. */
  readonly type: number;
  readonly inodeNumber: number;
  readonly inodeBlock: number;
  readonly inodeOffset: number;
}

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

/** Writes listings into the directory table, which stays in memory (compressed) until the inodes are out. */
export class DirectoryWriter {
  readonly table: MetadataWriter;
  /** The run being gathered: its header is complete only when its last entry is known. */
  readonly #run = Buffer.allocUnsafeSlow(RUN_BYTES);
  #runSize = 0;
  #runCount = 0;
  #runBlock = 0;
  #runInode = 0;

  constructor(codec: BlockCodec) {
    this.table = new MetadataWriter(codec, "directory");
  }

  /** @param entries in bytewise order of their names */
  write(entries: Iterable<ListedEntry>): Listing {
    const { blockStart, blockOffset } = this.table;
    let size = 0;
    let indexed = 0;
    const index: Uint8Array[] = [];
    for (const entry of entries) {
      const offset = size + this.#runSize;
      // A point to begin from in every metadata block of the listing: a lookup then reads one or two.
      const distant = offset - indexed >= METADATA_BLOCK_SIZE && index.length < MAX_INDEX_COUNT;
      if (distant || !this.#fits(entry)) {
        size += this.#endRun();
        if (distant) {
          index.push(this.#indexRecord(size, entry.name));
          indexed = size;
        }
      }
      this.#add(entry);
    }
    size += this.#endRun();
    const joined = index.length === 0 ? NO_INDEX : Buffer.concat(index);
    return { blockStart, blockOffset, size, index: joined, indexCount: index.length };
  }

  #fits(entry: ListedEntry): boolean {
    if (this.#runCount === 0) return true;
    const delta = entry.inodeNumber - this.#runInode;
    return this.#runCount < MAX_RUN && entry.inodeBlock === this.#runBlock && delta >= -0x8000 && delta <= 0x7fff;
  }

  #add(entry: ListedEntry): void {
    if (this.#runCount === 0) {
      this.#runSize = DIRECTORY_HEADER.size;
      this.#runBlock = entry.inodeBlock;
      this.#runInode = entry.inodeNumber;
    }
    const nameSize = this.#run.write(entry.name, this.#runSize + DIRECTORY_ENTRY.size, "latin1");
    DIRECTORY_ENTRY.write(this.#run, this.#runSize, {
      blockOffset: entry.inodeOffset,
      inodeDelta: entry.inodeNumber - this.#runInode,
      type: entry.type,
      nameSizeLess1: nameSize - 1,
    });
    this.#runSize += DIRECTORY_ENTRY.size + nameSize;
    this.#runCount++;
  }

  /** Gives the bytes that went into the table. */
  #endRun(): number {
    if (this.#runCount === 0) return 0;
    const size = this.#runSize;
    const header = { countLess1: this.#runCount - 1, blockStart: this.#runBlock, inodeNumber: this.#runInode };
    DIRECTORY_HEADER.write(this.#run, 0, header);
    this.table.append(this.#run.subarray(0, size));
    this.#runSize = 0;
    this.#runCount = 0;
    return size;
  }

  #indexRecord(listingOffset: number, name: ByteString): Uint8Array {
    const record = Buffer.alloc(DIRECTORY_INDEX.size + name.length);
    record.write(name, DIRECTORY_INDEX.size, "latin1");
    const { blockStart } = this.table;
    DIRECTORY_INDEX.write(record, 0, { listingOffset, blockStart, nameSize: name.length - 1 });
    return record;
  }
}
