import { posix } from "node:path";
import type { Mount, MountPoint, ProgramPlan } from "./plan.ts";
import { ROOT } from "./session-script.ts";

/** What bubblewrap is given for one program. */
export interface ProgramOptions {
  /** Goes through a descriptor, so that neither the list of processes nor its limits are of concern. */
  readonly options: readonly string[];
  /** Contents of files, to be written to the descriptors `firstFile`, `firstFile` + 1 and so on. */
  readonly files: readonly Uint8Array[];
}

/** Who the program is. */
export interface ProgramIdentity {
  /** The ids that it shows; undefined where those of the session stay. */
  readonly shown: { readonly uid: number; readonly gid: number } | undefined;
  readonly rootWritable: boolean;
}

/** bubblewrap's options for a program of the container, which it starts itself. */
export function programOptions(program: ProgramPlan, identity: ProgramIdentity, firstFile: number): ProgramOptions {
  const { options, files } = containerOptions(program, identity, firstFile);
  const more = identity.shown === undefined ? ["--cap-add", "ALL"] : [];
  if (program.seccomp !== undefined) more.push("--seccomp", String(firstFile + files.length));
  more.push("--chdir", program.cwd, "--clearenv");
  for (const [name, value] of Object.entries(program.environment)) more.push("--setenv", name, value);
  return {
    options: [...options, ...more],
    files: program.seccomp === undefined ? files : [...files, program.seccomp],
  };
}

/** bubblewrap's options for what is around a program: its root, what is mounted there, its namespaces. */
export function containerOptions(program: ProgramPlan, identity: ProgramIdentity, firstFile: number): ProgramOptions {
  const { namespaces, hostname } = program;
  const options = ["--die-with-parent", identity.rootWritable ? "--bind" : "--ro-bind", ROOT, "/"];
  const { shown } = identity;
  if (shown !== undefined) options.push("--unshare-user", "--uid", String(shown.uid), "--gid", String(shown.gid));
  for (const name of ["pid", "ipc", "net", "uts"] as const) {
    if (namespaces[name]) options.push(`--unshare-${name}`);
  }
  if (namespaces.uts && hostname !== undefined) options.push("--hostname", hostname);
  const files: Uint8Array[] = [];
  for (const mount of program.mounts) {
    options.push(...mountOptions(mount, firstFile + files.length));
    if (mount.kind === "file") files.push(mount.content);
  }
  return { options, files };
}

function mountOptions(mount: Mount, descriptor: number): string[] {
  const { target } = mount;
  switch (mount.kind) {
    case "bind":
      // Only the former leaves out nodev; nosuid is set by all of them.
      if (mount.devices) return ["--dev-bind", mount.source, target];
      return [mount.readOnly ? "--ro-bind" : "--bind", mount.source, target];
    case "file":
      return ["--perms", octal(mount.mode ?? 0o644), "--bind-data", String(descriptor), target];
    case "tmpfs":
      return [
        ...["--perms", octal(mount.mode ?? 0o755)],
        ...(mount.sizeMiB === undefined ? [] : ["--size", String(mount.sizeMiB * 1024 * 1024)]),
        ...["--tmpfs", target],
        // bubblewrap would make them, too, but for itself alone (0700).
        ...(mount.points ?? []).flatMap((point) => pointFolders(point, target)),
      ];
    case "proc":
      return ["--proc", target];
    case "mqueue":
      return ["--mqueue", target];
    case "dev":
      return ["--dev", target];
  }
}

/** The directories of a mount point in memory. */
function pointFolders({ path, kind }: MountPoint, top: string): string[] {
  const folders: string[] = [];
  for (let at = kind === "directory" ? path : posix.dirname(path); at !== top; at = posix.dirname(at))
    folders.unshift(at);
  return folders.flatMap((folder) => ["--perms", "0755", "--dir", folder]);
}

function octal(mode: number): string {
  return `0${mode.toString(8)}`;
}
