import { resolvePath } from "../../fstree/resolve.ts";
import { NO_NODE } from "../../fstree/tree.ts";
import type { ContainerFiles } from "../../singularity-d/container-files.ts";
import { type InstallOptions, installSingularity } from "../../singularity-d/install.ts";
import type { Root } from "../root.ts";

/** Adds a container's own files to a root; their contents are texts that later steps know. */
export async function installContainer(root: Root, files: ContainerFiles, options: InstallOptions): Promise<void> {
  const { tree, texts } = root;
  const { keeps = () => false } = options;
  const added = files.entries.filter(({ path }) => !keeps(path) || resolvePath(tree, path) === NO_NODE);
  await installSingularity(tree, files, options);
  for (const { path, content } of added) {
    const node = resolvePath(tree, path);
    if (node !== NO_NODE) texts.set(tree.inode(node), content);
  }
}
