import { chmodSync, lstatSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { bytePath } from "../bytes/byte-path.ts";
import type { ByteString } from "../bytes/byte-string.ts";

/**
 * Removes a directory of ours with all below it, also what its own modes keep from being removed.
 * @throws what the file system says of what belongs to somebody else
 */
export async function removeTree(directory: string): Promise<void> {
  try {
    await rm(directory, { recursive: true, force: true });
  } catch {
    unlock(directory, "");
    await rm(directory, { recursive: true, force: true });
  }
}

/** Lets the owner into every directory. Links are not followed: only what lstat calls a directory is entered. */
function unlock(directory: string, path: ByteString): void {
  const todo = [path];
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    const place = bytePath(directory, at);
    chmodSync(place, 0o700);
    for (const name of readdirSync(place, { encoding: "latin1" })) {
      const below = at === "" ? name : `${at}/${name}`;
      if (lstatSync(bytePath(directory, below)).isDirectory()) todo.push(below);
    }
  }
}
