import { systemReason } from "./bytes/system-reason.ts";
import { type CacheEntry, removeEntry as removeFile } from "./cache/entries.ts";
import { CacheError } from "./cache/errors.ts";
import { removeUnpacked } from "./unpacked-image.ts";

/**
 * Removes one entry of a cache; one that is gone already counts.
 * Throws `CacheError` CACHE_ENTRY_STUCK, and CACHE_ENTRY_USED for an unpacked image on which a container runs.
 */
export async function removeEntry(entry: Pick<CacheEntry, "path" | "type">): Promise<void> {
  const { path, type } = entry;
  if (type !== "unpacked") return removeFile(entry);
  const removed = await removeUnpacked(path).catch((cause: unknown) => {
    throw new CacheError("CACHE_ENTRY_STUCK", { path, problem: systemReason(cause), cause });
  });
  if (!removed) throw new CacheError("CACHE_ENTRY_USED", { path });
}
