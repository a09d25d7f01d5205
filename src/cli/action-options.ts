import type { OptionSpec } from "./options.ts";
import { SOURCE_OPTIONS } from "./source-options.ts";

const option = (
  flags: string,
  description: string,
  env: readonly string[],
  more: Partial<OptionSpec> = {},
): OptionSpec => ({ flags, description, env, ...more });
const LIST = { repeatable: true };
const HIDDEN = { hidden: true };

/** How a container is run: Apptainer's options, with its environment keys. */
export const CONTAINER_OPTIONS: readonly OptionSpec[] = [
  option("--app <name>", "run an app of the container", ["APP", "APPNAME"]),
  option(
    "-B, --bind <spec>",
    "bind a path: src[:dest[:opts]]; lists with commas, repeatable",
    ["BIND", "BINDPATH"],
    LIST,
  ),
  option("-e, --cleanenv", "clean the environment before running the container", ["CLEANENV"]),
  option("--compat", "behave as other OCI runtimes do: --containall, --no-umask, --no-eval, --writable-tmpfs", [
    "COMPAT",
  ]),
  option("-c, --contain", "use empty /dev, /tmp and home directory instead of the host's", ["CONTAIN"]),
  option("-C, --containall", "contain the environment, PID and IPC as well", ["CONTAINALL"]),
  option("--containlibs <list>", "files to put among the container's libraries, separated by commas", ["CONTAINLIBS"], {
    ...LIST,
    ...HIDDEN,
  }),
  option("--cwd <path>", "initial working directory inside the container", ["CWD", "TARGET_CWD"]),
  option("--pwd <path>", "the same as --cwd", ["PWD", "TARGET_PWD"], HIDDEN),
  option("--dns <list>", "name servers for /etc/resolv.conf, separated by commas", ["DNS"]),
  option("--env <name=value>", "set variables of the container: a list with commas, repeatable", ["ENV"], LIST),
  option("--env-file <file>", "set variables from a shell script, repeatable", ["ENV_FILE"], LIST),
  option("-f, --fakeroot", "run as root inside, with the caller's subordinate ids", ["FAKEROOT"]),
  option("-H, --home <spec>", "home directory: src[:dest]", ["HOME"]),
  option("--hostname <name>", "host name of the container (implies --uts)", ["HOSTNAME"]),
  option("-i, --ipc", "new IPC namespace", ["IPC", "UNSHARE_IPC"]),
  option("--mount <spec>", "bind: type=bind,source=…,destination=…[,ro], repeatable", ["MOUNT"], LIST),
  option("-n, --net", "new network namespace, with the loopback device only", ["NET", "UNSHARE_NET"]),
  option("--network <name>", "none is the only one", ["NETWORK"], HIDDEN),
  option("--no-eval", "do not evaluate variables and arguments by a shell", ["NO_EVAL"]),
  option("--no-home", "do not mount the home directory", ["NO_HOME"]),
  option("--no-init", "accepted: there is no such process", ["NO_INIT", "NOSHIMINIT"], HIDDEN),
  option(
    "--no-mount <list>",
    "leave out mounts: proc, sys, dev, devpts, home, tmp, cwd, bind-paths, or a path",
    ["NO_MOUNT"],
    LIST,
  ),
  option("--no-pid", "accepted: only --pid and --containall make a PID namespace", ["NO_PID"], HIDDEN),
  option("--no-umask", "set the umask to 0022 inside", ["NO_UMASK"]),
  option("--nv", "bind what the host has of NVIDIA's driver", ["NV"]),
  option(
    "-o, --overlay <dir>",
    "directory that keeps what is written (upper/, work/); DIR:ro reads it only",
    ["OVERLAY", "OVERLAYIMAGE"],
    LIST,
  ),
  option("-p, --pid", "new PID namespace", ["PID", "UNSHARE_PID"]),
  option(
    "-S, --scratch <path>",
    "an empty directory in memory, or in --workdir; repeatable",
    ["SCRATCH", "SCRATCHDIR"],
    LIST,
  ),
  option("--runscript-timeout <time>", "accepted: nothing waits for a runscript", ["RUNSCRIPT_TIMEOUT"], HIDDEN),
  option("-s, --shell <path>", "program of the action shell", ["SHELL"]),
  option("--unsquash", "accepted: an image is unpacked where it cannot be mounted", ["UNSQUASH"], HIDDEN),
  option(
    "-u, --userns",
    "accepted: a user namespace is used wherever one is needed",
    ["USERNS", "UNSHARE_USERNS"],
    HIDDEN,
  ),
  option("--uts", "new UTS namespace", ["UTS", "UNSHARE_UTS"]),
  option("-W, --workdir <dir>", "where --contain and --scratch put /tmp, /var/tmp and others", ["WORKDIR"]),
  option("-w, --writable", "write to a sandbox itself", ["WRITABLE"]),
  option("--writable-tmpfs", "let the root be written to; gone at the end", ["WRITABLE_TMPFS"]),
];

/** Options of run, exec, shell and test. */
export const ACTION_OPTIONS: readonly OptionSpec[] = [
  ...CONTAINER_OPTIONS,
  option("--engine <name>", "host (default), or apptainer: hand over to an installed Apptainer or Singularity", [
    "ENGINE",
  ]),
  option("--offline", "ask no registry: take the image that the reference led to last time", ["OFFLINE"]),
  option("--arch <arch>", "of a source: architecture to choose from a multi-platform image", []),
  option("--arch-variant <variant>", "of a source: variant of the architecture", []),
  ...SOURCE_OPTIONS,
];
