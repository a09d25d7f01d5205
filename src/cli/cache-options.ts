import { BlobCache, type OnProgress } from "../index.ts";
import { UsageError } from "./exit.ts";
import type { OptionSpec, OptionValues } from "./options.ts";
import { parseBytes } from "./units.ts";

/** What may be kept of what is fetched, and how much room there has to be. */
export const CACHE_OPTIONS: readonly OptionSpec[] = [
  {
    flags: "--cache",
    description: "keep what is fetched from registries (in ~/.sifon/cache, or under $SIFON_CACHEDIR)",
    env: ["CACHE"],
  },
  {
    flags: "--cache-size <size>",
    description: "the most that the cache may hold; what went unused for the longest time goes first",
    env: ["CACHE_SIZE"],
  },
  { flags: "--disable-cache", description: "neither read nor write the cache", env: ["DISABLE_CACHE"] },
  {
    flags: "--ignore-space",
    description: "begin even where the image will hardly fit the free space",
    env: ["IGNORE_SPACE"],
  },
];

/** The bytes of `--cache-size`; undefined where it is not given. */
export function cacheSizeOf(values: OptionValues, command: string): number | undefined {
  const text = values.text("cacheSize");
  if (text === undefined) return undefined;
  const size = parseBytes(text);
  if (size === undefined) {
    throw new UsageError(command, `invalid value "${text}" of --cache-size: expected a size such as 500M or 20G`);
  }
  return size;
}

/** The cache as the options want it: read where it is there, written where that is asked for. */
export async function openCache(
  values: OptionValues,
  env: NodeJS.ProcessEnv,
  onProgress: OnProgress,
): Promise<BlobCache | undefined> {
  if (values.flag("disableCache")) return undefined;
  const text = values.text("cacheSize");
  const sizeLimit = text === undefined ? undefined : parseBytes(text);
  return BlobCache.open({ env, write: values.flag("cache"), sizeLimit, onProgress });
}
