import { displayBytes } from "../../bytes/byte-string.ts";
import { type ErrorDetails, type MessageTable, SifonError } from "../../errors.ts";

export type MergeErrorCode =
  | "DANGLING_HARD_LINK"
  | "HARD_LINK_TO_DIRECTORY"
  | "MALFORMED_WHITEOUT"
  | "MALFORMED_NAME"
  | "NAME_TOO_LONG"
  | "PATH_TOO_LONG"
  | "TARGET_TOO_LONG"
  | "SYMLINK_LOOP"
  | "ROOT_NOT_A_DIRECTORY"
  | "TOO_MANY_ENTRIES"
  | "TOO_MANY_LAYERS"
  | "LAYER_CHANGED";

const show = (value: unknown): string => JSON.stringify(displayBytes(String(value)));
const place = ({ path, layer }: ErrorDetails): string => `Cannot merge ${show(path)} of layer ${layer}`;

const MESSAGES: MessageTable<MergeErrorCode> = {
  DANGLING_HARD_LINK: (d) =>
    `${place(d)}: it is a hard link to ${show(d.target)}, which neither that layer nor the ones below it have. The image is broken; rebuild it.`,
  HARD_LINK_TO_DIRECTORY: (d) =>
    `${place(d)}: it is a hard link to ${show(d.target)}, which is a directory. The image is broken; rebuild it.`,
  MALFORMED_WHITEOUT: (d) => `${place(d)}: a whiteout must name a file behind ".wh.". The image is broken; rebuild it.`,
  MALFORMED_NAME: (d) => `${place(d)}: ${d.reason}. The image is broken; rebuild it.`,
  NAME_TOO_LONG: (d) =>
    `${place(d)}: a name in it is ${d.seen} bytes, limit ${d.limit}. No Linux file system can hold it; rename it in the image.`,
  PATH_TOO_LONG: (d) => `${place(d)}: the path is ${d.seen} bytes, limit ${d.limit}.`,
  TARGET_TOO_LONG: (d) =>
    `${place(d)}: the symlink's target is ${d.seen} bytes, limit ${d.limit}. Linux cannot read it; shorten it in the image.`,
  SYMLINK_LOOP: (d) =>
    `${place(d)}: more than ${d.limit} symlinks lead to it; they form a loop. The image is broken; rebuild it.`,
  ROOT_NOT_A_DIRECTORY: (d) =>
    `${place(d)}: the entry would make the root a ${d.kind}. The image is broken; rebuild it.`,
  TOO_MANY_ENTRIES: (d) => `Cannot merge layer ${d.layer}: the image has more than ${d.limit} entries.`,
  TOO_MANY_LAYERS: (d) => `Cannot merge the image: it has ${d.seen} layers, limit ${d.limit}.`,
  LAYER_CHANGED: (d) =>
    `Cannot read layer ${d.layer} again: its entry ${d.order} is not what it was the first time. Do not change the source while it is read; try again.`,
};

/** An image whose layers do not fit together. Details: `path`, `layer` (its digest) and, by code, `target`, `seen`, `limit`. */
export class MergeError extends SifonError {
  declare readonly code: MergeErrorCode;

  constructor(code: MergeErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
