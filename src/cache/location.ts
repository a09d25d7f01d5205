import { join } from "node:path";
import { homeDirectory, VARIABLE_PREFIXES } from "../bytes/environment.ts";

/** Where cached blobs are. */
export interface CacheLocations {
  /** The directory that `sifon cache` is about, and that is written when that is asked for. */
  readonly root: string;
  /** Caches of other tools, whose blobs serve as well; never written. */
  readonly others: readonly string[];
}

/** Variables, and the folder of the home directory that stands where one is not set: SIFON_CACHEDIR, `.sifon`. */
const PLACES = VARIABLE_PREFIXES.map(
  (prefix) => [`${prefix}CACHEDIR`, `.${prefix.slice(0, -1).toLowerCase()}`] as const,
);

/**
 * The cache's place: `cache` in SIFON_CACHEDIR, APPTAINER_CACHEDIR or SINGULARITY_CACHEDIR, the first that is
 * set, else `~/.sifon/cache`. Apptainer keeps its blobs in a layout of the same kind under the same names;
 * what it has is read too.
 */
export function cacheLocations(env: NodeJS.ProcessEnv): CacheLocations {
  const home = homeDirectory(env);
  const set = PLACES.map(([name]) => env[name]?.trim()).find((value) => value !== undefined && value !== "");
  const root = join(set ?? join(home, ".sifon"), "cache");
  const all = PLACES.map(([name, folder]) => join(env[name]?.trim() || join(home, folder), "cache"));
  return { root, others: [...new Set(all)].filter((path) => path !== root) };
}
