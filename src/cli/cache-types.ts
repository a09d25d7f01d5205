import { CACHE_TYPES, type CacheType } from "../index.ts";
import { UsageError } from "./exit.ts";

/** Reads `--type`: a list of types, `all` by default. Deviates: Apptainer takes an unknown type for an empty one. */
export function cacheTypes(text: string): readonly CacheType[] {
  const types = new Set<CacheType>();
  for (const word of text.split(",").map((part) => part.trim().toLowerCase())) {
    if (word === "all") return CACHE_TYPES;
    const type = CACHE_TYPES.find((candidate) => candidate === (word === "blobs" ? "blob" : word));
    if (type === undefined) {
      const known = [...CACHE_TYPES, "all"].join(", ");
      throw new UsageError("cache", `invalid value "${word}" of --type: expected one or more of ${known}`);
    }
    types.add(type);
  }
  return [...types];
}

/** No command of the cache takes arguments. */
export function refuseWords(words: readonly string[]): void {
  if (words.length > 0) throw new UsageError("cache", `accepts 0 arg(s), received ${words.length}`);
}

/** As Apptainer writes sizes in its cache: two decimals, from KiB on. */
export function formatCacheSize(bytes: number): string {
  for (const [unit, size] of [
    ["GiB", 2 ** 30],
    ["MiB", 2 ** 20],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(2)} ${unit}`;
  }
  return `${(bytes / 1024).toFixed(2)} KiB`;
}
