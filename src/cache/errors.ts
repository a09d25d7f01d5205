import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type CacheErrorCode =
  | "CACHE_UNREADABLE"
  | "CACHE_ENTRY_STUCK"
  | "CACHE_ENTRY_USED"
  | "IMAGE_CHANGED"
  | "NOT_IN_CACHE";

const MESSAGES: MessageTable<CacheErrorCode> = {
  CACHE_UNREADABLE: (d) => `Cannot read the cache at "${d.path}": ${d.problem}. Check who may read that directory.`,
  CACHE_ENTRY_STUCK: (d) =>
    `Cannot remove "${d.path}" from the cache: ${d.problem}. Check who may write that directory.`,
  CACHE_ENTRY_USED: (d) => `"${d.path}" stays in the cache: a container runs on it. Remove it when that has ended.`,
  IMAGE_CHANGED: (d) => `Cannot unpack "${d.path}": it has changed meanwhile. Start again when it is whole.`,
  NOT_IN_CACHE: (d) => `${d.uri} is not in the cache at "${d.root}", and no request is allowed.`,
};

/** A cache that cannot be listed or cleaned, or lacks what cannot be fetched. While images are converted, a bad cache is a warning, never an error. */
export class CacheError extends SifonError {
  declare readonly code: CacheErrorCode;

  constructor(code: CacheErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
