import { clampMtimes, fixPermissions, ownByRoot } from "../fstree/adjust.ts";
import type { FsTree } from "../fstree/tree.ts";
import type { ConvertTuning } from "./tuning.ts";

/** What is done to a container's files beside merging them. */
export interface TreeTuning extends Pick<ConvertTuning, "allRoot" | "fixPermissions"> {
  /** Seconds since 1970 as text, as the variable SOURCE_DATE_EPOCH has it: image time, and the latest file time. */
  readonly sourceDateEpoch?: string | undefined;
}

/** Owners, modes and times as asked for; `timeSec` is what the container makes of SOURCE_DATE_EPOCH. */
export function adjustTree(tree: FsTree, tuning: TreeTuning, timeSec: number): void {
  if (tuning.allRoot === true) ownByRoot(tree.inodes);
  if (tuning.fixPermissions === true) fixPermissions(tree.inodes);
  if (tuning.sourceDateEpoch) clampMtimes(tree.inodes, timeSec);
}
