import type { ByteString } from "../bytes/byte-string.ts";
import { isCapturedPath } from "../singularity-d/captured-paths.ts";

/** Larger files are no texts. */
export const MAX_TEXT_SIZE: number = 1 << 20;

/** What steps of a build read and write again, beside what `inspect` shows. */
const BUILD_TEXTS: ReadonlySet<ByteString> = new Set([
  ".build.labels",
  ".singularity.d/Singularity",
  ".singularity.d/env/94-appsbase.sh",
  ".singularity.d/labels.json",
  ".singularity.d/runscript",
  ".singularity.d/startscript",
]);

/** Whether later steps of a build, or `inspect`, want to know a file's content. `path` is relative to the root. */
export function isTextPath(path: ByteString): boolean {
  return BUILD_TEXTS.has(path) || isCapturedPath(path);
}
