import type { ByteString } from "../bytes/byte-string.ts";
import { resolvePath } from "../fstree/resolve.ts";
import { type FsTree, NO_NODE } from "../fstree/tree.ts";
import { walkPostOrder } from "../fstree/walk.ts";

/**
 * SIF architecture code of an image's programs: that of `/bin/sh`, else of the first executable ELF file in
 * the order of names; 0 where there is none. What the image config claims does not count, as under Apptainer.
 */
export function findArchitecture(tree: FsTree): number {
  const shell = resolvePath(tree, "bin/sh");
  const ofShell = shell === NO_NODE ? 0 : tree.inodes.elfArch(tree.inode(shell));
  if (ofShell !== 0) return ofShell;
  for (const node of walkPostOrder(tree)) {
    const arch = tree.inodes.elfArch(tree.inode(node));
    if (arch !== 0) return arch;
  }
  return 0;
}

/** Names of the SCIF apps in an image: what has a `scif` directory below /scif/apps, hidden names aside. */
export function listApps(tree: FsTree): ByteString[] {
  const folder = resolvePath(tree, "scif/apps");
  if (folder === NO_NODE || !tree.isDirectory(folder)) return [];
  return [...tree.sortedChildren(folder)]
    .map((app) => tree.name(app))
    .filter((app) => {
      const scif = resolvePath(tree, `scif/apps/${app}/scif`);
      return !app.startsWith(".") && scif !== NO_NODE && tree.isDirectory(scif);
    });
}
