import { readFileSync } from "node:fs";
import type { Mount, ProgramPlan } from "../../runtime/engine/plan.ts";
import { environmentShell, type ScriptEnvironment } from "./container-environment.ts";
import { singleIdFilter } from "./single-id-filter.ts";

/** Paths that scripts of a build find mounted, as under Apptainer, and where they are once links are followed. */
export const MOUNT_POINTS = [
  "/dev",
  "/proc",
  "/sys",
  "/tmp",
  "/var/tmp",
  "/root",
  "/etc/hosts",
  "/etc/resolv.conf",
] as const;
export type MountPointPath = (typeof MOUNT_POINTS)[number];
/** Without those that the container lacks. */
export type MountTargets = Readonly<Partial<Record<MountPointPath, string>>>;

/** Apptainer's, for all that a build makes. */
export const BUILD_UMASK = 0o002;

/** A script that runs in the container: with the host's devices, network and temporary folders, its names and name servers. */
export function containerProgram(
  command: readonly string[],
  environment: ScriptEnvironment,
  {
    targets,
    home,
    isAlone,
  }: {
    readonly targets: MountTargets;
    readonly home?: string | undefined;
    /** Nobody but root exists in the session. */
    readonly isAlone: boolean;
  },
): ProgramPlan {
  const mounts: Mount[] = [];
  const bind = (source: string, target: string | undefined, devices = false) => {
    // Links may lead from one to another, as from /var/tmp to /tmp.
    if (target === undefined || mounts.some((mount) => mount.target === target)) return;
    mounts.push({ kind: "bind", source, target, devices });
  };
  bind("/dev", targets["/dev"], true);
  if (targets["/proc"] !== undefined) mounts.push({ kind: "proc", target: targets["/proc"] });
  bind("/sys", targets["/sys"]);
  bind("/tmp", targets["/tmp"]);
  bind("/var/tmp", targets["/var/tmp"]);
  if (home !== undefined) bind(home, targets["/root"]);
  for (const path of ["/etc/hosts", "/etc/resolv.conf"] as const) {
    const target = targets[path];
    // A copy: what a script does to it is gone with the script.
    if (target !== undefined) mounts.push({ kind: "file", target, content: hostFile(path) });
  }
  const seccomp = isAlone ? singleIdFilter() : undefined;
  return {
    ...(seccomp === undefined ? {} : { seccomp }),
    mounts,
    namespaces: { pid: true },
    command: ["/bin/sh", "-c", environmentShell(environment), "sifon", ...command],
    cwd: "/",
    environment: environment.start,
    umask: BUILD_UMASK,
  };
}

function hostFile(path: string): Uint8Array {
  try {
    return Buffer.concat([readFileSync(path), Buffer.from("\n")]);
  } catch {
    return new Uint8Array(0);
  }
}
