import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { FsTree } from "../../fstree/tree.ts";
import { applyUpper } from "../../layer/upper/apply-upper.ts";
import type { Root, RootSource, RootTarget } from "../root.ts";
import type { StageOptions } from "../stage.ts";
import { stageImageRoot } from "../stage-image.ts";
import { restoreOwners } from "../stage-owners.ts";
import { isTextPath } from "../text-paths.ts";
import type { ScriptPlace } from "./container-script.ts";
import { readInside } from "./read-upper.ts";
import { type MountedStage, mountRoot, removeFolder } from "./stage-session.ts";

/**
 * Lets programs change a root: it is written as an image, mounted below an overlay, and given to `change`. What
 * comes out is the image with what the overlay took up on top; it holds the mounts until it is closed.
 * @throws what `change` throws, after all is unmounted and removed
 */
export async function changedRoot(
  root: RootSource,
  options: StageOptions,
  change: (place: ScriptPlace) => Promise<void>,
): Promise<RootSource> {
  const folder = await mkdtemp(join(options.workplace, "root-"));
  let opened: MountedStage | undefined;
  const close = async () => {
    await opened?.close();
    await removeFolder(folder);
  };
  try {
    opened = await mountRoot(root, folder, { writable: true, options });
    const { session, image } = opened;
    await change({ session, targets: image.targets, options });
    return { facts: image.facts, fill: changesOf(opened), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function changesOf({ image, session, changes }: MountedStage): (target: RootTarget) => Promise<Root> {
  return async (target) => {
    const entries = readInside(session, changes.path, target);
    const name = "of what the scripts changed";
    if (changes.kind === "upper") return stageImageRoot(image, { entries, marks: "kernel", name }).fill(target);
    const tree = new FsTree();
    const { contents, signal } = target;
    const { captured } = await applyUpper(tree, entries, {
      contents,
      signal,
      marks: "none",
      name,
      capture: isTextPath,
    });
    if (image.owners !== undefined) restoreOwners(tree, image.owners);
    return { tree, texts: new Map(captured) };
  };
}

/**
 * Lets programs look at a root, which is what it was then.
 * @throws what `look` throws, after all is unmounted and removed
 */
export async function checkedRoot(
  root: RootSource,
  options: StageOptions,
  look: (place: ScriptPlace) => Promise<void>,
): Promise<RootSource> {
  const folder = await mkdtemp(join(options.workplace, "root-"));
  try {
    const opened = await mountRoot(root, folder, { writable: false, options });
    const { image, session } = opened;
    try {
      await look({ session, targets: image.targets, options });
    } finally {
      await opened.close();
    }
    return { ...stageImageRoot(image), close: () => removeFolder(folder) };
  } catch (error) {
    await removeFolder(folder);
    throw error;
  }
}
