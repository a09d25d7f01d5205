import type { FsTree } from "../fstree/tree.ts";
import type { LayerStatistics } from "../layer/merge/contract.ts";
import type { OnProgress } from "../progress.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { RootTarget } from "./root.ts";

/** Where a build reports to, and who stops it. */
export interface Watch {
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** A container's files, complete; their contents are in the target. */
export interface FilledContainer {
  readonly tree: FsTree;
  /** Lowest first; none where it was not made of layers. */
  readonly layers: readonly LayerStatistics[];
  /**
   * The SIF object `inspect-metadata.json`.
   * @param size bytes to fill with blanks at least
   */
  readonly metadata: (size: number) => Promise<string> | string;
}

/** A container that can be read, once, into a SIF or a sandbox. */
export interface ContainerSource {
  /** Image time, Unix seconds: of the SIF, and of files that are added. */
  readonly timeSec: number;
  /** The SIF's, 16 bytes. */
  readonly uuid: Uint8Array;
  /** SIF architecture code of its programs, where it is known before the tree is; else 0. */
  readonly arch: number;
  /** Object 1 of the SIF. */
  readonly definitionText: string;
  /** The SIF object `oci-config.json`. */
  readonly ociConfigJson: Uint8Array | undefined;
  /** The SIF object `inspect-metadata.json` as far as it is known: it takes this place where it comes out no longer. */
  readonly foreseenMetadata: string;
  /** The file system that `fill` asks the target to adopt, if any. */
  readonly compressed: SquashfsImage | undefined;
  /** Whether files come beside those of `compressed` that are worth starting threads for. */
  readonly addsFiles: boolean;
  /** Reads the files, and adds what makes a container of them. */
  fill(target: RootTarget): Promise<FilledContainer>;
}
