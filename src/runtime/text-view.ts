import { displayBytes, toByteString } from "../bytes/byte-string.ts";
import type { ContainerEntry, ContainerView } from "../singularity-d/container-view.ts";

/** A container's files by names as text, as scripts have them. */
export interface TextView {
  /** Names in a directory, in no order; none where there is no directory. */
  list(path: string): Promise<readonly string[]>;
  /** A regular file's content; undefined where there is none. */
  read(path: string): Promise<Uint8Array | undefined>;
  look(path: string): Promise<ContainerEntry | undefined>;
  /** Whether a regular file has content. */
  isFilled(path: string): Promise<boolean>;
}

/** Names that are not UTF-8 cannot be in a script's text: nothing that a script says matches them. */
export function textView(view: ContainerView): TextView {
  return {
    list: async (path) => ((await view.list(toByteString(path))) ?? []).map(displayBytes),
    read: (path) => view.read(toByteString(path)),
    look: (path) => view.look(toByteString(path)),
    isFilled: async (path) => ((await view.read(toByteString(path)))?.length ?? 0) > 0,
  };
}
