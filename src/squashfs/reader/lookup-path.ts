import type { ByteString } from "../../bytes/byte-string.ts";
import { SquashfsReadError } from "./errors.ts";
import type { DirectoryInode, Inode } from "./inode.ts";
import { MAX_SYMLINKS } from "./limits.ts";
import { readEntryInode, type WalkTables } from "./walk.ts";

/** Which symlinks are followed: none, those that lead to the last component, or that one too. */
export type FollowSymlinks = boolean | "parents";

/**
 * Goes along a path as Linux does, with the image's root as the root: ".." stops there, and with `follow` no
 * symlink leads outside.
 */
export async function lookupPath(
  tables: WalkTables,
  root: DirectoryInode,
  path: ByteString,
  follow: FollowSymlinks,
): Promise<Inode | undefined> {
  const parents: DirectoryInode[] = [];
  let directory = root;
  // Components still to go, the next one last.
  const pending = components(path);
  let followed = 0;
  for (;;) {
    const name = pending.pop();
    if (name === undefined) return directory;
    if (name === "..") {
      directory = parents.pop() ?? root;
      continue;
    }
    const entry = await tables.directories.find(directory, name);
    if (entry === undefined) return undefined;
    const inode = await readEntryInode(tables, entry);
    if (inode.kind === "directory") {
      parents.push(directory);
      directory = inode;
    } else if (inode.kind === "symlink" && (follow === true || (follow === "parents" && pending.length > 0))) {
      if (++followed > MAX_SYMLINKS)
        throw new SquashfsReadError("SYMLINK_LOOP", { source: tables.context.source.name, path, limit: MAX_SYMLINKS });
      if (inode.target.startsWith("/")) {
        parents.length = 0;
        directory = root;
      }
      pending.push(...components(inode.target));
    } else if (pending.length === 0) {
      return inode;
    } else {
      throw new SquashfsReadError("NOT_A_DIRECTORY", { source: tables.context.source.name, path, seen: inode.kind });
    }
  }
}

/** Names of a path, the last first. */
function components(path: ByteString): ByteString[] {
  return path
    .split("/")
    .filter((name) => name !== "" && name !== ".")
    .reverse();
}
