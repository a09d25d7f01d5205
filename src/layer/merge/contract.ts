import type { ByteString } from "../../bytes/byte-string.ts";
import type { PromptIterator } from "../../bytes/prompt-iterator.ts";
import type { ContentStore } from "../../fstree/content.ts";
import type { InodeId } from "../../fstree/inodes.ts";
import type { FsTree } from "../../fstree/tree.ts";
import type { OnProgress } from "../../progress.ts";
import type { TarEntry } from "../../tar/entry.ts";

/** One layer's entries. */
export interface MergeLayer {
  /** Its digest, for messages. */
  readonly name: string;
  /** A fresh pass over the layer's tar, each call from the start. */
  entries(): PromptIterator<TarEntry>;
}

export interface MergeOptions {
  /** Takes the bytes of the files that stay. */
  readonly contents: ContentStore;
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress;
  /** Time of directories that no layer has an entry for. */
  readonly implicitMtimeSec: number;
  /** Which files' contents are also returned, by path in the tree (`.singularity.d/labels.json`). */
  readonly capture?: (path: ByteString) => boolean;
}

/** What became of one layer; sizes are bytes of file contents. */
export interface LayerStatistics {
  readonly name: string;
  readonly entries: number;
  /** Entries that higher layers hide. */
  readonly entriesHidden: number;
  readonly bytesRead: number;
  readonly bytesHidden: number;
  readonly bytesKept: number;
  /** Hidden files whose content was fetched by a second pass, for a hard link of the same layer. */
  readonly rescuedFiles: number;
}

export interface MergeResult {
  readonly tree: FsTree;
  /** Lowest layer first. */
  readonly layers: readonly LayerStatistics[];
  /** Contents of the files that `capture` asked for, of 1 MiB at most. */
  readonly captured: ReadonlyMap<InodeId, Uint8Array>;
  /** Why every layer was read twice; undefined in all but odd images. */
  readonly scanReason: string | undefined;
}
