import type { ByteString } from "../../bytes/byte-string.ts";
import {
  DIRECTORY_ENTRY,
  DIRECTORY_HEADER,
  DIRECTORY_INDEX,
  MAX_NAME_SIZE,
  MAX_RUN,
  METADATA_BLOCK_SIZE,
} from "../format.ts";
import type { SquashfsReadErrorCode } from "./errors.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import { type DirectoryInode, type InodeKind, KIND_OF_TYPE } from "./inode.ts";
import type { MetadataCursor, MetadataPlace, MetadataRegion } from "./metadata.ts";

/** A name in a directory. */
export interface DirectoryEntry {
  readonly name: ByteString;
  /** Of its inode. */
  readonly ref: number;
  readonly inodeNumber: number;
  readonly kind: InodeKind;
}

/** Entries that stand behind one directory header. */
export interface DirectoryRun {
  /** Offset of the header in the listing. */
  readonly listingOffset: number;
  /** Metadata block of the header, from the directory table's start. */
  readonly blockStart: number;
  readonly entries: readonly DirectoryEntry[];
}

/** A record of the index that an extended directory has: the run at an offset begins with a name. */
export interface DirectoryIndexEntry {
  readonly listingOffset: number;
  /** From the directory table's start. */
  readonly blockStart: number;
  readonly name: ByteString;
}

/** Reads listings, whole or from the place where a name must be. */
export class DirectoryTable {
  readonly #context: ImageContext;
  readonly #region: MetadataRegion;
  readonly #inodes: MetadataRegion;

  constructor(context: ImageContext, directories: MetadataRegion, inodes: MetadataRegion) {
    this.#context = context;
    this.#region = directories;
    this.#inodes = inodes;
  }

  /** Most bytes that all listings together can have. */
  get maxSize(): number {
    return this.#region.maxSize;
  }

  /** The entries of a directory in bytewise order of their names, at most 256 at a time. */
  async *runs(directory: DirectoryInode): AsyncGenerator<DirectoryRun, void, void> {
    yield* this.#runsFrom(directory, directory.listing, 0);
  }

  /** One entry, read without the listing in front of its index record. */
  async find(directory: DirectoryInode, name: ByteString): Promise<DirectoryEntry | undefined> {
    const { place, listingOffset } = await this.#seek(directory, name);
    for await (const run of this.#runsFrom(directory, place, listingOffset)) {
      for (const entry of run.entries) {
        if (entry.name === name) return entry;
        // Byte strings compare bytewise, the order of listings.
        if (entry.name > name) return undefined;
      }
    }
    return undefined;
  }

  /** The index records of a directory, in their order. */
  async *index(directory: DirectoryInode): AsyncGenerator<DirectoryIndexEntry, void, void> {
    if (directory.indexCount === 0) return;
    const cursor = await this.#inodes.cursor(directory.index.blockStart, directory.index.blockOffset);
    let previous = -1;
    for (let i = 0; i < directory.indexCount; i++) {
      if (cursor.available < DIRECTORY_INDEX.size) await cursor.fill(DIRECTORY_INDEX.size);
      const record = cursor.record(DIRECTORY_INDEX);
      const nameSize = this.#nameSize(record.nameSize, cursor);
      if (cursor.available < nameSize) await cursor.fill(nameSize);
      const name = this.#name(cursor, nameSize);
      if (record.listingOffset <= previous || record.listingOffset >= directory.listingSize)
        throw this.#invalid(
          "DIRECTORY_INVALID",
          cursor.offset,
          "a directory's index points outside its listing",
          record.listingOffset,
        );
      previous = record.listingOffset;
      yield { listingOffset: record.listingOffset, blockStart: record.blockStart, name };
    }
  }

  async #seek(directory: DirectoryInode, name: ByteString): Promise<{ place: MetadataPlace; listingOffset: number }> {
    let found: DirectoryIndexEntry | undefined;
    for await (const entry of this.index(directory)) {
      if (entry.name > name) break;
      found = entry;
    }
    if (found === undefined) return { place: directory.listing, listingOffset: 0 };
    return {
      place: {
        blockStart: this.#region.start + found.blockStart,
        blockOffset: (directory.listing.blockOffset + found.listingOffset) % METADATA_BLOCK_SIZE,
      },
      listingOffset: found.listingOffset,
    };
  }

  async *#runsFrom(
    directory: DirectoryInode,
    place: MetadataPlace,
    listingOffset: number,
  ): AsyncGenerator<DirectoryRun, void, void> {
    let remaining = directory.listingSize - listingOffset;
    // An empty directory's place need not exist.
    if (remaining <= 0) return;
    const cursor = await this.#region.cursor(place.blockStart, place.blockOffset);
    let previous: ByteString = "";
    const use = (size: number): void => {
      remaining -= size;
      if (remaining < 0)
        throw this.#invalid(
          "DIRECTORY_INVALID",
          cursor.offset,
          "a listing's records go past its size",
          directory.listingSize,
        );
    };
    while (remaining > 0) {
      const start = directory.listingSize - remaining;
      use(DIRECTORY_HEADER.size);
      // The block that the header begins in is what an index record would name.
      const headerBlock = cursor.place.blockStart - this.#region.start;
      if (cursor.available < DIRECTORY_HEADER.size) await cursor.fill(DIRECTORY_HEADER.size);
      const header = cursor.record(DIRECTORY_HEADER);
      if (header.countLess1 >= MAX_RUN)
        throw this.#invalid(
          "DIRECTORY_INVALID",
          cursor.offset,
          `a run must have 1…${MAX_RUN} entries`,
          header.countLess1 + 1,
        );
      const entries: DirectoryEntry[] = [];
      for (let i = 0; i <= header.countLess1; i++) {
        use(DIRECTORY_ENTRY.size);
        if (cursor.available < DIRECTORY_ENTRY.size) await cursor.fill(DIRECTORY_ENTRY.size);
        const record = cursor.record(DIRECTORY_ENTRY);
        use(record.nameSizeLess1 + 1);
        const kind = KIND_OF_TYPE[record.type];
        if (kind === undefined)
          throw this.#invalid("DIRECTORY_INVALID", cursor.offset, "an entry's type must be 1…7", record.type);
        const nameSize = this.#nameSize(record.nameSizeLess1, cursor);
        if (cursor.available < nameSize) await cursor.fill(nameSize);
        const name = this.#name(cursor, nameSize);
        if (name <= previous)
          throw this.#invalid(
            "DIRECTORY_INVALID",
            cursor.offset,
            "names must be in order, each once",
            JSON.stringify(name),
          );
        previous = name;
        entries.push({
          name,
          kind,
          ref: header.blockStart * 0x1_0000 + record.blockOffset,
          inodeNumber: header.inodeNumber + record.inodeDelta,
        });
      }
      yield { listingOffset: start, blockStart: headerBlock, entries };
    }
  }

  #nameSize(sizeLess1: number, cursor: MetadataCursor): number {
    const size = sizeLess1 + 1;
    if (size > MAX_NAME_SIZE)
      throw this.#invalid("NAME_INVALID", cursor.offset, `a name must have 1…${MAX_NAME_SIZE} bytes`, size);
    return size;
  }

  /** A name that is at hand. */
  #name(cursor: MetadataCursor, size: number): ByteString {
    const name = cursor.byteString(size);
    if (name.includes("/") || name.includes("\0") || name === "." || name === "..")
      throw this.#invalid(
        "NAME_INVALID",
        cursor.offset,
        'a name must not be "." or "..", nor contain "/" or NUL',
        JSON.stringify(name),
      );
    return name;
  }

  #invalid(code: SquashfsReadErrorCode, offset: number, rule: string, seen: unknown): Error {
    return damaged(this.#context, code, "directory table", { offset, rule, seen });
  }
}
