import type { ByteString } from "../bytes/byte-string.ts";
import type { ContainerFileView } from "./container-file-view.ts";

/** What a path of a container leads to; links are followed inside its root. */
export interface ContainerEntry {
  readonly kind: "file" | "directory" | "other";
  /** Somebody may execute it. */
  readonly executable: boolean;
}

/** A container's files, as far as its scripts look at them. Paths are byte strings from the root. */
export interface ContainerView extends ContainerFileView {
  /** Undefined where the path leads nowhere. */
  look(path: ByteString): Promise<ContainerEntry | undefined>;
}
