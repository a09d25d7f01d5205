import type { ContentStore } from "../fstree/content.ts";
import type { InodeId } from "../fstree/inodes.ts";
import type { FsTree } from "../fstree/tree.ts";
import type { OnProgress } from "../progress.ts";
import type { ImageOrigin } from "../singularity-d/build-record.ts";
import type { AdoptedData } from "../squashfs/adopt-data.ts";
import type { AdoptedFiles } from "../squashfs/adopted-extents.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { LayerThreadPlan } from "./thread-plan.ts";

/** A container's root on its way. */
export interface Root {
  readonly tree: FsTree;
  /**
   * Contents of the small files that later steps read or add to, and that `inspect` shows: those of `isTextPath`.
   * Who puts such a file into the tree puts its content here.
   */
  readonly texts: Map<InodeId, Uint8Array>;
}

/** What takes a root: a SIF's partition, a sandbox, an image that lies between two stages. */
export interface RootTarget {
  /** One content at a time. */
  readonly contents: ContentStore;
  /**
   * Takes over the compressed data of an image as it is, or of some files of it, where its form is that of the
   * target; undefined where not. To be asked once for an image, and not while a content is under way.
   */
  adopt?(image: SquashfsImage, files?: AdoptedFiles): Promise<AdoptedData | undefined>;
  /** As `adopt`, and `use` adds the image's files while its data are on the way; only where the form is the target's. */
  adoptWhile?<T>(image: SquashfsImage, use: (data: AdoptedData) => Promise<T>): Promise<T>;
  /** How an image's layers are read into it; undefined where the calling thread does all of it. */
  readonly layerThreads?: LayerThreadPlan | undefined;
  /** Counts the contents from here on together, under a number from 0; undefined where nobody counts. */
  beginShare?(share: number): void;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** What is known of a root before its files are read. */
export interface RootFacts {
  /** Unix seconds: image time, and that of entries that steps add. */
  readonly timeSec: number;
  /** Equal for equal roots; the image's UUID follows from it. */
  readonly identity: string;
  /** GOARCH name. */
  readonly architecture: string;
  /** The SIF's `oci-config.json`, where the base has one. */
  readonly ociConfigJson: Uint8Array | undefined;
  /** The image that the base is, where it is known. */
  readonly origin: ImageOrigin | undefined;
}

/** A root that can be read, once, into a target. */
export interface RootSource {
  readonly facts: RootFacts;
  fill(target: RootTarget): Promise<Root>;
  /** Gives back what it holds, temporary files included; safe to call twice. */
  close(): Promise<void>;
}

/** One change to a root: %files, the sections' texts. New contents go to the target. */
export type RootStep = (root: Root, target: RootTarget, facts: RootFacts) => Promise<void>;

/** The root with steps taken on it, in their order, as it is read. */
export function withSteps(source: RootSource, ...steps: readonly RootStep[]): RootSource {
  return {
    facts: source.facts,
    async fill(target) {
      const root = await source.fill(target);
      for (const step of steps) {
        target.signal.throwIfAborted();
        await step(root, target, source.facts);
      }
      return root;
    },
    close: () => source.close(),
  };
}
