import type { ByteString } from "../../bytes/byte-string.ts";
import type { DirectoryTable } from "./directory-table.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import type { DirectoryInode, Inode, InodeKind } from "./inode.ts";
import type { InodeTable } from "./inode-table.ts";
import { NumberSet } from "./number-set.ts";
import type { ContentTables } from "./raw-blocks.ts";
import type { ImageTables } from "./tables.ts";
import { BlockVerifier } from "./verify-blocks.ts";
import { verifyTables } from "./verify-tables.ts";
import { type WalkTables, walkTree } from "./walk.ts";
import type { XattrTable } from "./xattr-table.ts";

/** How a verification reports and ends. */
export interface VerifyOptions {
  readonly signal?: AbortSignal;
  /** Called for each file or directory, before its content is read. */
  readonly onEntry?: (path: ByteString) => void;
}

/** What a whole image was found to hold. */
export interface VerifyResult {
  /** Inodes of each kind: hard links count once. */
  readonly inodes: Readonly<Record<InodeKind, number>>;
  /** Names, the root included. */
  readonly entryCount: number;
  /** Bytes of all regular files, shared content counted for each. */
  readonly fileSize: number;
  /** Different blocks on disk, fragment blocks included, and the bytes in them once decompressed. */
  readonly blockCount: number;
  /** Those of them that are not compressed. */
  readonly storedBlockCount: number;
  readonly contentSize: number;
  readonly fragmentCount: number;
  readonly xattrCount: number;
}

/** The parts of an open image. */
export interface ImageParts {
  readonly context: ImageContext;
  readonly tables: ImageTables;
  readonly inodes: InodeTable;
  readonly directories: DirectoryTable;
  readonly xattrs: XattrTable;
  readonly content: ContentTables;
}

export async function verifyImage(
  parts: ImageParts,
  root: DirectoryInode,
  { signal, onEntry }: VerifyOptions,
): Promise<VerifyResult> {
  const { context, tables, xattrs } = parts;
  await verifyTables(context, tables, signal);
  const blocks = new BlockVerifier(parts.content);
  await blocks.verifyFragments(signal);
  for (let index = 0; index < xattrs.count; index++) {
    signal?.throwIfAborted();
    await xattrs.read(index);
  }

  const seen = new InodeLedger(parts);
  const counts: Record<InodeKind, number> = {
    file: 0,
    directory: 0,
    symlink: 0,
    charDevice: 0,
    blockDevice: 0,
    fifo: 0,
    socket: 0,
  };
  let entryCount = 0;
  let fileSize = 0;
  for await (const { path, inode } of walkTree(parts, root, "", signal)) {
    onEntry?.(path);
    entryCount++;
    if (inode.kind === "file") fileSize += inode.size;
    if (!(await seen.add(inode))) continue;
    counts[inode.kind]++;
    if (inode.kind === "file") await blocks.verifyFile(inode, signal);
    if (inode.kind === "directory") await verifyDirectoryIndex(parts, inode);
    if (inode.xattrIndex !== undefined && inode.xattrIndex >= xattrs.count) await xattrs.read(inode.xattrIndex);
  }
  seen.close();
  await blocks.finish();
  return {
    inodes: counts,
    entryCount,
    fileSize,
    blockCount: blocks.blockCount,
    storedBlockCount: blocks.storedCount,
    contentSize: blocks.contentSize,
    fragmentCount: parts.content.fragments.count,
    xattrCount: xattrs.count,
  };
}

/** Checks inode numbers, hard links and the export table against each other. */
class InodeLedger {
  readonly #parts: ImageParts;
  readonly #numbers = new NumberSet();
  /** Inodes that have more names than were met yet. */
  readonly #linked = new Map<number, { readonly ref: number; readonly linkCount: number; found: number }>();

  constructor(parts: ImageParts) {
    this.#parts = parts;
  }

  /** True at an inode's first name. */
  async add(inode: Inode): Promise<boolean> {
    const { inodeNumber, ref, linkCount } = inode;
    if (this.#numbers.add(inodeNumber)) {
      if (inode.kind !== "directory" && linkCount !== 1) this.#linked.set(inodeNumber, { ref, linkCount, found: 1 });
      await this.#verifyExport(inode);
      return true;
    }
    const link = this.#linked.get(inodeNumber);
    if (link?.ref !== ref)
      throw this.#mismatch(`inode ${inodeNumber} has more names than links, or its number is not its own`);
    link.found++;
    return false;
  }

  /** All names have been met. */
  close(): void {
    for (const [inodeNumber, { linkCount, found }] of this.#linked)
      if (linkCount !== found) throw this.#mismatch(`inode ${inodeNumber} must have ${linkCount} names`, found);
    const { inodeCount } = this.#parts.context.header;
    if (this.#numbers.size !== inodeCount)
      throw this.#mismatch(`the superblock counts ${inodeCount} inodes`, this.#numbers.size);
  }

  async #verifyExport({ inodeNumber, ref }: Inode): Promise<void> {
    const { exports } = this.#parts.tables;
    if (exports === undefined) return;
    const record = await exports.record(inodeNumber - 1);
    const exported = new DataView(record.buffer, record.byteOffset, 8).getBigUint64(0, true);
    if (exported !== BigInt(ref))
      throw damaged(this.#parts.context, "CONTENT_MISMATCH", "export table", {
        offset: exports.blocksStart,
        rule: `entry ${inodeNumber - 1} must be ${ref}`,
        seen: exported,
      });
  }

  #mismatch(rule: string, seen?: number): Error {
    const { context } = this.#parts;
    const details = { offset: context.header.inodeTableStart, rule };
    return damaged(context, "CONTENT_MISMATCH", "inode table", seen === undefined ? details : { ...details, seen });
  }
}

/** Every index record names a run that is there and begins with its name. */
async function verifyDirectoryIndex(parts: WalkTables, directory: DirectoryInode): Promise<void> {
  if (directory.indexCount === 0) return;
  const runs = parts.directories.runs(directory);
  for await (const record of parts.directories.index(directory)) {
    let run = await runs.next();
    while (!run.done && run.value.listingOffset < record.listingOffset) run = await runs.next();
    const found = run.done ? undefined : run.value;
    if (
      found?.listingOffset !== record.listingOffset ||
      found.blockStart !== record.blockStart ||
      found.entries[0]?.name !== record.name
    )
      throw damaged(parts.context, "CONTENT_MISMATCH", "directory table", {
        offset: directory.listing.blockStart,
        rule: `the index record ${JSON.stringify(record.name)} must name a run of the listing`,
        seen: record.listingOffset,
      });
  }
}
