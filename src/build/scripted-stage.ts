import { mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { withSteps } from "./root.ts";
import { changedRoot, checkedRoot } from "./scripts/changed-root.ts";
import { runPost, runTest } from "./scripts/container-script.ts";
import { runHostScript } from "./scripts/host-script.ts";
import { postScript } from "./scripts/post-text.ts";
import type { BuildStage } from "./stage.ts";

/**
 * A stage with something to run. Each step that runs in the container has the root so far as an image below an
 * overlay, and the next one takes over what it left unchanged, compressed as it is.
 *
 * What this returns holds mounts where %post was the last to run: it must be closed.
 * @throws BuildError SCRIPT_FAILED; EngineError where this host cannot run containers
 */
export const buildStageWithScripts: BuildStage = async ({ stage, openBase, files, texts, options }) => {
  const { pre, setup, test } = stage.scripts;
  if (pre !== undefined) {
    const folder = await mkdtemp(join(options.workplace, "pre-"));
    const rootPath = await mkdtemp(join(options.workplace, "rootfs-"));
    await runHostScript("pre", pre, { folder, rootPath, options });
    await warnOfLost(rootPath, options.onProgress);
  }
  let root = await openBase();
  try {
    if (setup !== undefined) {
      root = await changedRoot(root, options, async ({ session }) => {
        const folder = await mkdtemp(join(options.workplace, "setup-"));
        await runHostScript("setup", setup, { folder, rootPath: session.rootPath, session, options });
      });
    }
    root = withSteps(root, files);
    const post = postScript(stage);
    if (post !== undefined) root = await changedRoot(root, options, (place) => runPost(post, place));
    root = withSteps(root, texts);
    if (test !== undefined && options.test) root = await checkedRoot(root, options, runTest);
    return root;
  } catch (error) {
    await root.close();
    throw error;
  }
};

/** Deviates: before its base is there, Apptainer's container is a folder that %pre can put files into. */
async function warnOfLost(
  rootPath: string,
  onProgress: (event: { kind: "warning"; message: string }) => void,
): Promise<void> {
  const names = await readdir(rootPath);
  if (names.length === 0) return;
  const message = `%pre put ${names.map((name) => JSON.stringify(name)).join(", ")} into the container's root, which is not kept: use %setup, which runs when there is one`;
  onProgress({ kind: "warning", message });
}
