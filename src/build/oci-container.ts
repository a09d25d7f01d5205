import type { ByteString } from "../bytes/byte-string.ts";
import { countTree } from "../fstree/count.ts";
import type { InodeId } from "../fstree/inodes.ts";
import type { FsTree } from "../fstree/tree.ts";
import { walkPostOrder } from "../fstree/walk.ts";
import type { Image, ImageSource } from "../oci/image.ts";
import { SifArch } from "../sif/architecture.ts";
import { deriveUuid } from "../sif/identity.ts";
import { type RecordedCounts, UNKNOWN_COUNTS, withBuildRecord } from "../singularity-d/build-record.ts";
import { type CapturedFiles, isCapturedPath } from "../singularity-d/captured-paths.ts";
import { type ContainerFiles, type ContainerSources, containerFiles } from "../singularity-d/container-files.ts";
import { definitionOfReference } from "../singularity-d/definition-text.ts";
import { contentsView, inspectMetadata } from "../singularity-d/inspect-metadata.ts";
import { installSingularity } from "../singularity-d/install.ts";
import { listApps } from "../singularity-d/survey.ts";
import { VERSION } from "../version.ts";
import { adjustTree, type TreeTuning } from "./adjust-tree.ts";
import type { ContainerSource } from "./container-source.ts";
import { type FindImageOptions, findImage, mergeImage, originOf } from "./oci-image.ts";
import type { RootTarget } from "./root.ts";

export interface OciContainerOptions extends TreeTuning, FindImageOptions {
  /** What a definition says in place of what its reference alone would. */
  readonly inputs?: Partial<Pick<ContainerSources, "definition" | "preferCmd">>;
  /** Whether `metadata` is asked for; default true. A sandbox has none. */
  readonly withMetadata?: boolean;
  /** Bytes that the process may have resident; beyond them the layers are refused. */
  readonly memory?: number | undefined;
}

/** The container of an image of a registry, an archive or the like. */
export interface OciContainer extends ContainerSource {
  readonly image: Image;
}

/**
 * Finds the image of a source, which stays open, and tells of it; its layers are read by `fill`.
 * @throws SinkError SPACE_TOO_SMALL; what the source throws
 */
export async function openOciContainer(source: ImageSource, options: OciContainerOptions): Promise<OciContainer> {
  const { inputs = {}, withMetadata = true, memory } = options;
  const { image, timeSec } = await findImage(source, options);
  const files = containerFiles({
    config: image.config,
    definition: definitionOfReference(image.reference),
    architecture: image.platform.architecture,
    timeSec,
    sourceDigest: image.manifestDigest,
    ...inputs,
  });
  return {
    image,
    timeSec,
    uuid: deriveUuid(image.configDescriptor.digest),
    arch: SifArch.unknown,
    definitionText: files.definitionText,
    ociConfigJson: Buffer.from(files.ociConfigJson),
    foreseenMetadata: recorded(await metadataOf(files, new Map(), []), image, UNKNOWN_COUNTS),
    compressed: undefined,
    addsFiles: true,

    async fill(target: RootTarget) {
      const { contents, onProgress } = target;
      const capture = withMetadata ? isCapturedPath : undefined;
      const merged = await mergeImage(image, target, { timeSec, memory, capture });
      const { tree, captured } = merged;
      onProgress({ kind: "stage", stage: "configure" });
      await installSingularity(tree, files, { contents, mtimeSec: timeSec });
      adjustTree(tree, options, timeSec);
      const metadata = async (size: number): Promise<string> =>
        recorded(await metadataOf(files, byPath(tree, captured), listApps(tree)), image, countTree(tree), size);
      return { tree, layers: merged.layers, metadata };
    },
  };
}

/** Files of the container are shown over captured ones of the image. */
function metadataOf(
  { entries }: ContainerFiles,
  captured: CapturedFiles,
  apps: readonly ByteString[],
): Promise<string> {
  const added = entries.map(({ path, content }) => [path, content] as const);
  return inspectMetadata(contentsView(new Map([...captured, ...added]), apps));
}

/** The metadata with the record of this build, which `verify --content` compares the file with. */
function recorded(metadata: string, image: Image, counts: RecordedCounts, size?: number): string {
  return withBuildRecord(metadata, { version: VERSION, ...originOf(image), counts }, size);
}

/** Names the captured inodes; of a file with several names each one counts. */
function byPath(tree: FsTree, captured: ReadonlyMap<InodeId, Uint8Array>): Map<ByteString, Uint8Array> {
  const found = new Map<ByteString, Uint8Array>();
  if (captured.size === 0) return found;
  for (const node of walkPostOrder(tree)) {
    const content = captured.get(tree.inode(node));
    const path = content === undefined ? "" : tree.path(node);
    if (content !== undefined && isCapturedPath(path)) found.set(path, content);
  }
  return found;
}
