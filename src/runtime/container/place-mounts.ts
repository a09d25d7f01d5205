import { constants, existsSync } from "node:fs";
import { posix } from "node:path";
import { isAccessible } from "../../bytes/is-accessible.ts";
import type { Mount } from "../engine/plan.ts";
import type { RuntimeMessage } from "../message.ts";
import { ContainerError } from "./errors.ts";
import type { MountedTree, Resolved } from "./mounted-tree.ts";
import { memoryMount, sourceKind, type WantedMount } from "./wanted-mounts.ts";

/** What can be made on top of the root. */
export interface PlacingOptions {
  /** False for a sandbox that is written to directly: nothing is made in it behind the user's back. */
  readonly canMakePoints: boolean;
  readonly onMessage: (message: RuntimeMessage) => void;
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
  const asked = new Set<string>();
  for (const one of wanted) {
    const { target } = one.mount;
    // The words are compared, as Apptainer does it: /x/ and a link to /x are mounted over /x.
    if (one.group === "userbinds" && asked.has(target)) {
      const text = `While bind mounting '${nameOf(one)}:${target}': destination is already in the mount point list`;
      options.onMessage({ level: "warning", text });
      continue;
    }
    if (one.group === "userbinds") asked.add(target);
    await place(tree, one, options);
  }
}

async function place(tree: MountedTree, wanted: WantedMount, options: PlacingOptions): Promise<void> {
  const { mount, files, need, group, makesPoint } = wanted;
  const name = nameOf(wanted);
  const kind = await kindOf(wanted);
  const warn = (text: string) => options.onMessage({ level: "warning", text });
  if (typeof kind === "object") {
    const { source } = mount as Mount & { kind: "bind" };
    if (need === "optional") return;
    if (group === "home" && kind.isMissing) {
      warn(`the home directory ${source} doesn't exist: an empty one in memory takes its place`);
      return place(tree, { ...wanted, mount: memoryMount(mount.target, 0o755) }, options);
    }
    // As Apptainer 1.4.5, which looks at what it makes a mount point for.
    if (need !== "required" || (options.canMakePoints && (await tree.resolve(mount.target)).entry === undefined))
      warn(`skipping mount of ${source}: stat ${source}: ${kind.problem}`);
    const problem = kind.isMissing
      ? `mount source ${source} doesn't exist`
      : `while getting stat for ${source}: stat ${source}: ${kind.problem}`;
    if (need === "required") refuse(wanted, problem);
    return;
  }
  if (group === "home" && kind === "file") refuse(wanted, `${name} is a file; a home directory is a directory`);
  const found = await tree.resolve(mount.target);
  if (group === "cwd" && isSame(mount, tree.hostPath(found.path))) return;
  const { path, entry } = found;
  // Apptainer leaves out what would cover the whole root, without a word.
  if (path === "/") {
    if (group === "home") warn("Skipping impossible home directory mount to '/'");
    if (group === "userbinds") warn(`skipping mount of ${name}: its destination is the root of the container`);
    return;
  }
  if (entry === undefined) {
    if (group === "userbinds" && found.mount === undefined && !options.canMakePoints)
      warn(
        `By using --writable, Sifon can't create ${mount.target} destination automatically without overlay or underlay`,
      );
    const canMake = found.mount === undefined ? makesPoint && options.canMakePoints : canMakeIn(tree, found, wanted);
    if (!canMake && group === "home" && (await hideParent(tree, path))) {
      tree.mount({ ...mount, target: path }, files);
      return;
    }
    if (!canMake) {
      if (need === "required") refuse(wanted, `destination ${mount.target} doesn't exist in container`);
      if (need === "expected") warn(`Skipping mount ${name} [${group}]: ${mount.target} doesn't exist in container`);
      return;
    }
    const file = await fileAbove(tree, path);
    if (file !== undefined) {
      if (need === "required") refuse(wanted, `${file} in the container is no directory`);
      if (need === "expected") warn(`Skipping mount ${name} [${group}]: ${file} is no directory in the container`);
      return;
    }
    tree.makePoint(path, kind, found.mount);
  } else if ((entry.kind === "directory") !== (kind === "directory")) {
    if (need === "required" || group === "home")
      refuse(
        wanted,
        `${mount.target} in the container is ${entry.kind === "directory" ? "a directory" : "no directory"}, ${name} is ${kind === "directory" ? "one" : "none"}`,
      );
    if (need === "expected")
      warn(
        `Skipping mount ${name} [${group}]: ${mount.target} is ${entry.kind === "directory" ? "a" : "no"} directory in the container`,
      );
    return;
  }
  tree.mount({ ...mount, target: path }, files);
}

/** What the kernel shows, where nothing can be made. */
const KERNEL_FOLDERS: ReadonlySet<string> = new Set(["/proc", "/sys", "/dev"]);

/** Whether a mount point can be made in what is mounted there: in memory, and in directories of the host's. */
function canMakeIn(tree: MountedTree, { path, mount }: Resolved, { need, makesPoint }: WantedMount): boolean {
  if (mount === undefined || !tree.isOfHost(mount)) return mount?.kind === "tmpfs" || mount?.kind === "dev";
  if (!makesPoint || KERNEL_FOLDERS.has(mount.target)) return false;
  // What the user asked for is tried, so that the refusal has its reason.
  if (need === "required") return true;
  let existing = mount.source + path.slice(mount.target.length);
  while (!existsSync(existing)) existing = posix.dirname(existing);
  return isAccessible(existing, constants.W_OK | constants.X_OK);
}

/** Where a home directory cannot be made, one in memory takes the place of its parent (/home), as in Apptainer. */
async function hideParent(tree: MountedTree, path: string): Promise<boolean> {
  const parent = posix.dirname(path);
  const { path: real, entry, mount } = await tree.resolve(parent);
  if (real !== parent || parent === "/" || entry?.kind !== "directory" || mount !== undefined) return false;
  tree.mount({ kind: "tmpfs", target: parent, mode: 0o755 });
  return true;
}

/** What keeps a folder from being made: the nearest thing above it that is there, where that is none. */
async function fileAbove(tree: MountedTree, path: string): Promise<string | undefined> {
  for (let above = posix.dirname(path); above !== "/"; above = posix.dirname(above)) {
    const { entry } = await tree.resolve(above);
    if (entry !== undefined) return entry.kind === "directory" ? undefined : above;
  }
  return undefined;
}

async function kindOf({ mount, files }: WantedMount): Promise<ReturnType<typeof sourceKind>> {
  if (mount.kind === "file") return "file";
  if (mount.kind !== "bind") return "directory";
  if (files !== undefined) return (await files.entry("/"))?.kind === "directory" ? "directory" : "file";
  return sourceKind(mount.source);
}

function isSame(mount: Mount, hostPath: string | undefined): boolean {
  return mount.kind === "bind" && mount.source === hostPath;
}

function nameOf({ mount, name }: WantedMount): string {
  return name ?? (mount.kind === "bind" ? mount.source : mount.target);
}

function refuse(wanted: WantedMount, problem: string): never {
  const { mount } = wanted;
  const source = nameOf(wanted);
  throw new ContainerError("MOUNT_IMPOSSIBLE", { source, target: mount.target, problem });
}
