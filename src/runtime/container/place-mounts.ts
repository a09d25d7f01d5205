import type { Mount } from "../engine/plan.ts";
import type { RuntimeMessage } from "../message.ts";
import { ContainerError } from "./errors.ts";
import type { MountedTree } from "./mounted-tree.ts";
import { sourceKind, type WantedMount } from "./wanted-mounts.ts";

/** What can be made on top of the root. */
export interface PlacingOptions {
  /** False for a sandbox that is written to directly: nothing is made in it behind the user's back. */
  readonly canMakePoints: boolean;
  readonly onMessage: (message: RuntimeMessage) => void;
  /** Folder of the session that holds mounted image files: their insides are not known yet. */
  readonly sessionFolder: string;
}

/**
 * Finds the place of each mount: links are followed inside the container, missing mount points are noted.
 * @throws ContainerError MOUNT_IMPOSSIBLE for one that the user asked for
 */
export async function placeMounts(
  tree: MountedTree,
  wanted: readonly WantedMount[],
  options: PlacingOptions,
): Promise<void> {
  for (const one of wanted) await place(tree, one, options);
}

async function place(
  tree: MountedTree,
  { mount, need, group, makesPoint }: WantedMount,
  options: PlacingOptions,
): Promise<void> {
  const kind = kindOf(mount, options);
  const warn = (text: string) => options.onMessage({ level: "warning", text });
  if (kind === undefined) {
    const { source } = mount as Mount & { kind: "bind" };
    if (need === "optional") return;
    warn(`skipping mount of ${source}: stat ${source}: no such file or directory`);
    if (need === "required") refuse(mount, `mount source ${source} doesn't exist`);
    return;
  }
  const found = await tree.resolve(mount.target);
  if (group === "cwd" && isSame(mount, tree.hostPath(found.path))) return;
  const { path, entry } = found;
  if (path === "/" && group !== "userbinds") return;
  if (entry === undefined) {
    // In what is mounted from the host nothing is made; in memory bubblewrap makes it.
    const canMake = found.mount === undefined ? makesPoint && options.canMakePoints : found.mount.kind === "tmpfs";
    if (!canMake) {
      if (need === "required") refuse(mount, `destination ${mount.target} doesn't exist in container`);
      if (need === "expected")
        warn(`Skipping mount ${nameOf(mount)} [${group}]: ${mount.target} doesn't exist in container`);
      return;
    }
    if (found.mount === undefined) tree.makePoint(path, kind);
  } else if ((entry.kind === "directory") !== (kind === "directory")) {
    if (need === "required")
      refuse(
        mount,
        `${mount.target} in the container is ${entry.kind === "directory" ? "a directory" : "no directory"}, ${nameOf(mount)} is ${kind === "directory" ? "one" : "none"}`,
      );
    if (need === "expected")
      warn(
        `Skipping mount ${nameOf(mount)} [${group}]: ${mount.target} is ${entry.kind === "directory" ? "a" : "no"} directory in the container`,
      );
    return;
  }
  tree.mount({ ...mount, target: path });
}

function kindOf(mount: Mount, { sessionFolder }: PlacingOptions): "directory" | "file" | undefined {
  if (mount.kind === "file") return "file";
  if (mount.kind !== "bind" || mount.source.startsWith(`${sessionFolder}/`)) return "directory";
  return sourceKind(mount.source);
}

function isSame(mount: Mount, hostPath: string | undefined): boolean {
  return mount.kind === "bind" && mount.source === hostPath;
}

function nameOf(mount: Mount): string {
  return mount.kind === "bind" ? mount.source : mount.target;
}

function refuse(mount: Mount, problem: string): never {
  const source = nameOf(mount);
  throw new ContainerError("MOUNT_IMPOSSIBLE", { source, target: mount.target, problem });
}
