import type { ByteString } from "../bytes/byte-string.ts";

/**
 * Files of the image itself that `inspect` shows: whoever merges the layers keeps their final contents
 * beside the tree. `*` stands for a run of bytes other than a slash, at least none.
 */
const PATTERNS: readonly RegExp[] = [
  ".singularity.d/env/10-docker*.sh",
  ".singularity.d/env/9*-environment.sh",
  ".singularity.d/runscript.help",
  ".singularity.d/test",
  "scif/apps/*/scif/env/9*-environment.sh",
  "scif/apps/*/scif/labels.json",
  "scif/apps/*/scif/runscript",
  "scif/apps/*/scif/runscript.help",
  "scif/apps/*/scif/startscript",
  "scif/apps/*/scif/test",
].map((glob) => new RegExp(`^${glob.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`, "s"));

/** Whether a file's content shows up in the metadata; `path` is relative to the root. */
export function isCapturedPath(path: ByteString): boolean {
  return (path.startsWith(".singularity.d/") || path.startsWith("scif/apps/")) && PATTERNS.some((p) => p.test(path));
}

/** Final contents of captured files, by path relative to the root. */
export type CapturedFiles = ReadonlyMap<ByteString, Uint8Array>;
