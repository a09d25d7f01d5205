import { createHash } from "node:crypto";
import { hostArch } from "../bytes/architecture.ts";
import { parseJson } from "../bytes/parse-json.ts";
import { countTree } from "../fstree/count.ts";
import type { FsTree } from "../fstree/tree.ts";
import type { LocalImage } from "../image/local-image.ts";
import { imageArchitecture } from "../sandbox/image-architecture.ts";
import { readDirectoryTree } from "../sandbox/read-directory-tree.ts";
import { readImageTree } from "../sandbox/read-image-tree.ts";
import { archName, SifArch } from "../sif/architecture.ts";
import { deriveUuid, formatUuid, imageTimeSec } from "../sif/identity.ts";
import { findJson } from "../sif/image.ts";
import { readObject } from "../sif/reader.ts";
import {
  type ImageOrigin,
  type RecordedCounts,
  readBuildRecord,
  readOrigin,
  UNKNOWN_COUNTS,
  withBuildRecord,
} from "../singularity-d/build-record.ts";
import type { Definition } from "../singularity-d/definition-text.ts";
import { installSingularity } from "../singularity-d/install.ts";
import { VERSION } from "../version.ts";
import { adjustTree, type TreeTuning } from "./adjust-tree.ts";
import type { ContainerSource } from "./container-source.ts";
import { definitionOfLocalImage, localDescription } from "./local-description.ts";
import type { RootTarget } from "./root.ts";

const METADATA = "inspect-metadata.json";

export interface LocalContainerOptions extends TreeTuning {
  /** What a definition says in place of the image's path alone. */
  readonly definition?: Definition;
}

/** The container that is made from one on this machine, which stays open. */
export async function openLocalContainer(image: LocalImage, options: LocalContainerOptions): Promise<ContainerSource> {
  const timeSec = localTimeSec(image, options.sourceDateEpoch);
  const arch = image.kind === "sandbox" ? SifArch.unknown : await imageArchitecture(image);
  const { files, keeps, metadata } = await localDescription(image, {
    definition: options.definition ?? definitionOfLocalImage(image.path),
    architecture: arch === SifArch.unknown ? hostArch() : archName(arch),
    timeSec,
  });
  const origin = (await formerOrigin(image)) ?? { layers: [] };
  const recorded = (counts: RecordedCounts, size?: number): string =>
    withBuildRecord(metadata, { version: VERSION, ...origin, counts }, size);
  // A user's sandbox has the user's files, whoever owned them in the image: as Apptainer, root owns them in the SIF.
  const isUsers = image.kind === "sandbox" && process.geteuid?.() !== 0;
  return {
    timeSec,
    uuid: localUuid(image, timeSec),
    arch,
    definitionText: files.definitionText,
    ociConfigJson: image.kind === "sandbox" ? undefined : image.ociConfigJson,
    foreseenMetadata: recorded(UNKNOWN_COUNTS),
    compressed: image.kind === "sandbox" ? undefined : image.squashfs,
    addsFiles: false,

    async fill(target) {
      const { contents, onProgress } = target;
      onProgress({ kind: "stage", stage: "merge" });
      const tree = await readLocalTree(image, target);
      onProgress({ kind: "stage", stage: "configure" });
      await installSingularity(tree, files, { contents, mtimeSec: timeSec, keeps });
      adjustTree(tree, { ...options, allRoot: options.allRoot === true || isUsers }, timeSec);
      return { tree, layers: [], metadata: (size) => recorded(countTree(tree), size) };
    },
  };
}

/** What the build of the image recorded: where its files come from stays true, whoever writes them anew. */
export async function formerOrigin(image: LocalImage): Promise<ImageOrigin | undefined> {
  if (image.kind === "sandbox" || image.sif === undefined) return undefined;
  const object = findJson(image.sif, METADATA);
  if (object === undefined) return undefined;
  try {
    const metadata: unknown = parseJson(Buffer.from(await readObject(image.access, object)).toString("utf8"));
    const record = readBuildRecord(metadata);
    return record === undefined ? undefined : readOrigin(record);
  } catch {
    // Others' metadata have no record; that a damaged object has none is not this build's to tell.
    return undefined;
  }
}

/** An image's files; its contents go to the target, or are there with the blocks that it takes over. */
export async function readLocalTree(image: LocalImage, target: RootTarget): Promise<FsTree> {
  const { contents, signal, onProgress } = target;
  if (image.kind === "sandbox") return readDirectoryTree(image.path, { contents, signal, onProgress });
  const { squashfs } = image;
  if (target.adoptWhile !== undefined)
    return target.adoptWhile(squashfs, (data) => readImageTree(squashfs, (file) => data.add(file), { signal }));
  const data = await target.adopt?.(squashfs);
  return readImageTree(
    squashfs,
    async (file) => data?.add(file) ?? contents.add(file.size, squashfs.fileParts(file, { signal })),
    { signal },
  );
}

/** The image's own time, so that one image gives one SIF; a sandbox, which changes, has the present. */
export function localTimeSec(image: LocalImage, sourceDateEpoch: string | undefined): number {
  if (sourceDateEpoch) return imageTimeSec(undefined, sourceDateEpoch);
  if (image.kind === "sandbox") return Math.floor(Date.now() / 1000);
  const seconds = image.sif?.header.createdSec ?? image.squashfs.header.mtimeSec;
  return Math.min(Math.max(seconds, 0), 0xffff_ffff);
}

function localUuid(image: LocalImage, timeSec: number): Uint8Array {
  if (image.kind !== "sandbox" && image.sif !== undefined)
    return deriveUuid(`${formatUuid(image.sif.header.uuid)} ${image.path}`);
  const identity = image.kind === "sandbox" ? `${timeSec}` : JSON.stringify(image.squashfs.header);
  return deriveUuid(createHash("sha256").update(`${image.path} ${identity}`).digest("hex"));
}
