import { open } from "node:fs/promises";
import { openFileAccess, type RandomAccess } from "../bytes/random-access.ts";
import { InodeKind } from "../fstree/inodes.ts";
import { resolvePath } from "../fstree/resolve.ts";
import { FsTree, NO_NODE } from "../fstree/tree.ts";
import type { OnProgress } from "../progress.ts";
import { InPlaceSink } from "../sink/in-place-sink.ts";
import { SquashfsImage } from "../squashfs/reader/image.ts";
import { SquashfsWriter } from "../squashfs/writer.ts";
import { withEncoder } from "./encoding.ts";
import { fillLayered, type UpperLayer } from "./layered-root.ts";
import type { RootFacts, RootSource } from "./root.ts";
import { MOUNT_POINTS, type MountPointPath, type MountTargets } from "./scripts/container-program.ts";
import { squashfsTarget } from "./squashfs-target.ts";
import type { ImageForm } from "./stage.ts";
import { type Owners, restoreOwners, takeOwners } from "./stage-owners.ts";

/** A root on disk between two steps of a build: a bare SquashFS file. */
export interface StageImage {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly facts: RootFacts;
  /** Permission bits of its root directory. */
  readonly rootMode: number;
  readonly targets: MountTargets;
  /** Who owns what, where the image says that root owns it all. */
  readonly owners?: Owners;
}

/** A stage to copy from. */
export interface StageFiles {
  /** Its SquashFS file, which the caller closes. */
  open(): Promise<RandomAccess>;
}

/** How a stage's image is written. */
export interface StageImageOptions {
  readonly form: ImageForm;
  /** For a session in which nobody but root exists; whoever reads the image as a root finds the owners again. */
  readonly ownedByRoot?: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/**
 * Writes a root to a file that is there for this build only; it is not synchronised.
 * @throws what the root, the writer or the file throw; the file may be left incomplete then
 */
export async function writeStageImage(
  root: Pick<RootSource, "facts" | "fill">,
  path: string,
  { form, ownedByRoot = false, signal, onProgress }: StageImageOptions,
): Promise<StageImage> {
  const file = await open(path, "wx", 0o600);
  try {
    const sink = new InPlaceSink(file.fd, { path });
    const { facts } = root;
    const written = await withEncoder(form, signal, async (encoder) => {
      const squashfs = new SquashfsWriter({ ...encoder, sink, onProgress });
      const { tree } = await root.fill(squashfsTarget(squashfs, form, { signal, onProgress }));
      const taken = ownedByRoot ? { owners: takeOwners(tree) } : {};
      const { size } = await squashfs.finish(tree, { mtimeSec: facts.timeSec });
      return { ...taken, size, rootMode: tree.inodes.mode(tree.inode(FsTree.root)), targets: mountTargets(tree) };
    });
    await sink.finish();
    return { path, facts, ...written };
  } finally {
    await file.close();
  }
}

/** Where the paths lead that scripts find mounted. */
function mountTargets(tree: FsTree): MountTargets {
  const targets: Partial<Record<MountPointPath, string>> = {};
  for (const path of MOUNT_POINTS) {
    const node = resolvePath(tree, path);
    if (node === NO_NODE) continue;
    const kind = tree.inodes.kind(tree.inode(node));
    const isFile = path.startsWith("/etc/");
    if (kind === (isFile ? InodeKind.file : InodeKind.directory))
      targets[path] = `/${Buffer.from(tree.path(node), "latin1").toString("utf8")}`;
  }
  return targets;
}

/** A stage's image as a root, with what was written on top of it. */
export function stageImageRoot(
  { path, facts, owners }: Pick<StageImage, "path" | "facts" | "owners">,
  upper?: UpperLayer,
): RootSource {
  return {
    facts,
    async fill(target) {
      const access = await openFileAccess(path);
      try {
        const root = await fillLayered(await SquashfsImage.open(access), upper, target);
        if (owners !== undefined) restoreOwners(root.tree, owners);
        return root;
      } finally {
        await access.close();
      }
    },
    async close() {},
  };
}
