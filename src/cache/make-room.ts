import { unlink } from "node:fs/promises";
import { listCache } from "./entries.ts";

/**
 * Removes the blobs and stages that have gone unused for the longest time until `size` more bytes fit under `limit`.
 * False where they never will. Processes do not wait for each other: for as long as several write, the sum
 * may pass the limit by what is under way.
 */
export async function makeRoom(root: string, size: number, limit: number): Promise<boolean> {
  if (size > limit) return false;
  const entries = await listCache(root, ["blob", "stage"]);
  let total = entries.reduce((sum, entry) => sum + entry.size, 0);
  for (const entry of entries.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
    if (total + size <= limit) break;
    // On Linux a reader that has it open reads on; elsewhere (NFS) it goes on from the registry.
    await unlink(entry.path).catch(() => {});
    total -= entry.size;
  }
  return true;
}
