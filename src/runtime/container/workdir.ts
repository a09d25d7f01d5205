import { chmodSync, mkdirSync, statSync } from "node:fs";
import { posix } from "node:path";
import { systemReason } from "../../bytes/system-reason.ts";
import { ContainerError } from "./errors.ts";

/** Folders of `--workdir` by what they are for; `scratch` by the path in the container. */
export function workdirFolder(workdir: string, name: "tmp" | "var_tmp" | "home" | "scratch", path = ""): string {
  return posix.join(workdir, name, path);
}

/**
 * Makes in `--workdir` what a container keeps there, as Apptainer 1.4.5 does; what is there already stays.
 * @throws ContainerError WORKDIR_UNUSABLE
 */
export function makeWorkdirFolders(
  workdir: string,
  { contain, scratch }: { readonly contain: boolean; readonly scratch: readonly string[] },
): void {
  if (contain) {
    make(workdirFolder(workdir, "home"), 0o700);
    make(workdirFolder(workdir, "tmp"), 0o1777);
    make(workdirFolder(workdir, "var_tmp"), 0o1777);
  }
  // Only for these Apptainer makes the directory itself, too.
  if (scratch.length > 0) {
    refusable(workdir, () => mkdirSync(workdir, { recursive: true, mode: 0o750 }));
    make(workdirFolder(workdir, "scratch"), 0o750);
  }
  for (const path of scratch) {
    const folder = workdirFolder(workdir, "scratch", path);
    refusable(folder, () => mkdirSync(folder, { recursive: true, mode: 0o750 }));
  }
}

/** The mode is not the umask's matter: all users of the container may write to its /tmp. */
function make(path: string, mode: number): void {
  refusable(path, () => {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    mkdirSync(path);
    chmodSync(path, mode);
  });
}

function refusable(path: string, act: () => void): void {
  try {
    act();
  } catch (cause) {
    throw new ContainerError("WORKDIR_UNUSABLE", { path, problem: systemReason(cause), cause });
  }
}
