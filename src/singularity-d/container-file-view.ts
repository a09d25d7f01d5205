import type { ByteString } from "../bytes/byte-string.ts";

/** A container's files, whatever holds them. Paths are relative to its root; symlinks stay inside. */
export interface ContainerFileView {
  /** A regular file's content; undefined where the path leads to none, or to one too large to be of interest. */
  read(path: ByteString): Promise<Uint8Array | undefined>;
  /** Names in a directory; undefined where the path leads to none. */
  list(path: ByteString): Promise<readonly ByteString[] | undefined>;
}
