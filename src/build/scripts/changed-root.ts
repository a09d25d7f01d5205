import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { FsTree } from "../../fstree/tree.ts";
import { applyUpper } from "../../layer/upper/apply-upper.ts";
import type { Root, RootSource, RootTarget } from "../root.ts";
import type { StageOptions } from "../stage.ts";
import { type StageImage, stageImageRoot, writeStageImage } from "../stage-image.ts";
import { isTextPath } from "../text-paths.ts";
import type { ScriptPlace } from "./container-script.ts";
import { readInside } from "./read-upper.ts";
import { openStageSession, removeFolder, type StageSession } from "./stage-session.ts";

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
  let opened: StageSession | undefined;
  const close = async () => {
    await opened?.close();
    await removeFolder(folder);
  };
  try {
    const image = await writeStageImage(root, join(folder, "image"), options);
    await root.close();
    opened = await openStageSession(image, folder, { writable: true, options });
    await change({ session: opened.session, targets: image.targets, options });
    return { facts: image.facts, fill: changesOf(image, opened), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function changesOf(image: StageImage, { session, changes }: StageSession): (target: RootTarget) => Promise<Root> {
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
    const image = await writeStageImage(root, join(folder, "image"), options);
    await root.close();
    const opened = await openStageSession(image, folder, { writable: false, options });
    try {
      await look({ session: opened.session, targets: image.targets, options });
    } finally {
      await opened.close();
    }
    return { ...stageImageRoot(image), close: () => removeFolder(folder) };
  } catch (error) {
    await removeFolder(folder);
    throw error;
  }
}
