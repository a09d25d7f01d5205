import type { ByteString } from "../../bytes/byte-string.ts";
import type { DirectoryEntry, DirectoryRun, DirectoryTable } from "./directory-table.ts";
import { damaged, type ImageContext } from "./image-context.ts";
import type { DirectoryInode, Inode } from "./inode.ts";
import type { InodeTable } from "./inode-table.ts";
import { MAX_PATH_SIZE } from "./limits.ts";

/** A name in the tree. Hard links give one each, with inodes of one `ref`. */
export interface WalkEntry {
  /** From the root, without a leading slash; "" is the root. */
  readonly path: ByteString;
  readonly inode: Inode;
}

export interface WalkTables {
  readonly context: ImageContext;
  readonly directories: DirectoryTable;
  readonly inodes: InodeTable;
}

interface Level {
  readonly path: ByteString;
  readonly runs: AsyncIterator<DirectoryRun, void>;
  /** Of the run at hand, and which of them is next: a turn of the generators for each would cost more than an entry. */
  entries: readonly DirectoryEntry[];
  next: number;
}

/**
 * A directory and all below it, directories in front of what they contain, names in bytewise order.
 * Memory: one run of 256 entries for each level, and a number for each directory.
 */
export async function* walkTree(
  tables: WalkTables,
  root: DirectoryInode,
  rootPath: ByteString,
  signal?: AbortSignal,
): AsyncGenerator<WalkEntry, void, void> {
  const { context } = tables;
  const visited = new Set<number>();
  let listed = 0;

  // A directory has one name only, so meeting one again is a cycle, or would be endless repetition.
  const enter = (inode: DirectoryInode, path: ByteString): Level => {
    if (visited.has(inode.inodeNumber))
      throw damaged(context, "DIRECTORY_LOOP", "directory table", { path, offset: inode.listing.blockStart });
    visited.add(inode.inodeNumber);
    listed += inode.listingSize;
    // Listings do not overlap; many that did could make a small image look endless.
    if (listed > tables.directories.maxSize)
      throw damaged(context, "DIRECTORY_INVALID", "directory table", {
        offset: inode.listing.blockStart,
        rule: "the listings together are larger than the table",
        seen: listed,
        limit: tables.directories.maxSize,
      });
    return { path, runs: tables.directories.runs(inode), entries: [], next: 0 };
  };

  yield { path: rootPath, inode: root };
  const levels = [enter(root, rootPath)];
  for (;;) {
    const level = levels[levels.length - 1];
    if (level === undefined) return;
    signal?.throwIfAborted();
    const entry = level.entries[level.next++];
    if (entry === undefined) {
      const run = await level.runs.next();
      if (run.done) levels.pop();
      else [level.entries, level.next] = [run.value.entries, 0];
      continue;
    }
    const path = level.path === "" ? entry.name : `${level.path}/${entry.name}`;
    if (path.length > MAX_PATH_SIZE)
      throw damaged(context, "PATH_TOO_LONG", "directory table", { limit: MAX_PATH_SIZE });
    const inode = entryInodeAtHand(tables, entry) ?? (await readEntryInode(tables, entry));
    yield { path, inode };
    if (inode.kind === "directory") levels.push(enter(inode, path));
  }
}

/** The inode behind a name, which must be of the type and number that the entry gives. */
export async function readEntryInode(tables: WalkTables, entry: DirectoryEntry): Promise<Inode> {
  return checkEntryInode(tables, entry, await tables.inodes.read(entry.ref));
}

/** As {@link readEntryInode}, without a turn of the event loop; undefined where not all of it is at hand. */
export function entryInodeAtHand(tables: WalkTables, entry: DirectoryEntry): Inode | undefined {
  const inode = tables.inodes.readAtHand(entry.ref);
  return inode && checkEntryInode(tables, entry, inode);
}

function checkEntryInode(tables: WalkTables, entry: DirectoryEntry, inode: Inode): Inode {
  if (inode.kind === entry.kind && inode.inodeNumber === entry.inodeNumber) return inode;
  throw damaged(tables.context, "DIRECTORY_INVALID", "directory table", {
    offset: tables.context.header.directoryTableStart,
    rule: `the entry ${JSON.stringify(entry.name)} must lead to ${entry.kind} ${entry.inodeNumber}`,
    seen: `${inode.kind} ${inode.inodeNumber}`,
  });
}
