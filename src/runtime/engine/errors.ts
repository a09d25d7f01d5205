import { type ErrorDetails, type MessageTable, SifonError } from "../../errors.ts";
import { TOOL_PACKAGES, type Tool } from "./host.ts";

/** Why a container cannot be run on this host. */
export type EngineErrorCode =
  | "TOOL_MISSING"
  | "TOOL_UNUSABLE"
  | "LIMIT_REACHED"
  | "NAMESPACES_REFUSED"
  | "FUSE_UNAVAILABLE"
  | "OVERLAY_UNAVAILABLE"
  | "TOO_MANY_LAYERS"
  | "MOUNT_FAILED"
  | "SETUP_FAILED"
  | "ARGUMENTS_TOO_LONG";

const packageOf = (tool: unknown): string => TOOL_PACKAGES[tool as Tool];
const said = (d: ErrorDetails): string => (d.seen ? `: ${String(d.seen)}` : "");

const MESSAGES: MessageTable<EngineErrorCode> = {
  TOOL_MISSING: (d) =>
    `Cannot run a container: the program "${d.tool}" is not installed; ${d.purpose}. Install it (Debian's package: ${packageOf(d.tool)}).`,
  TOOL_UNUSABLE: (d) =>
    `Cannot run a container: "${d.path}" cannot be executed${said(d)}. Mend it, or let PATH lead to another one.`,
  LIMIT_REACHED: (d) =>
    `Cannot run a container: the limit of ${d.what}${d.limit === undefined ? "" : ` (${d.limit})`} is reached${said(d)}. End some of yours, or raise it (${d.option}); in a batch job or a container, the site or the container's options set it.`,
  NAMESPACES_REFUSED: (d) =>
    `Cannot run a container: this host does not let user ${d.uid} have namespaces${said(d)}. Its administrator can allow them (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0); inside another container that one needs the privilege.`,
  FUSE_UNAVAILABLE: (d) =>
    `Cannot mount "${d.path}": /dev/fuse cannot be opened for reading and writing. Load the module fuse (modprobe fuse), and let users read and write /dev/fuse.`,
  OVERLAY_UNAVAILABLE: (d) =>
    `Cannot put a writable layer over "${d.path}"${said(d)}. This host's kernel has no overlay for user ${d.uid}; install fuse-overlayfs (Debian's package: fuse-overlayfs).`,
  TOO_MANY_LAYERS: (d) =>
    `Cannot put ${d.seen} layers over each other: the kernel takes ${d.limit}, the image's among them. Put what is in some of the overlays into one.`,
  MOUNT_FAILED: (d) => `Cannot mount "${d.path}"${said(d)}.`,
  SETUP_FAILED: (d) => `Cannot set up the container${said(d)}.`,
  ARGUMENTS_TOO_LONG: (d) => {
    const size = (bytes: unknown): string => `${Number(bytes).toLocaleString("en-US")} bytes`;
    const [said, remedy] =
      Number(d.longestBytes) > Number(d.longestLimit)
        ? [
            `${d.longest} has ${size(d.longestBytes)}, and the kernel takes ${size(d.longestLimit)} in one piece`,
            "Pass it in a file or through standard input",
          ]
        : [
            `arguments (${size(d.argumentBytes)}) and environment (${size(d.variableBytes)}) take more than the ${size(d.limit)} that the kernel lets them have together; the longest is ${d.longest} with ${size(d.longestBytes)}`,
            "Pass less, or allow a larger stack, of which they may take a quarter: ulimit -s",
          ];
    return `Cannot start "${d.program}" in the container: argument list too long: ${said}. ${remedy}.`;
  },
};

/** This host cannot do what a container needs, or refused it. `details`: `tool`, `path`, `program`, `seen` (the tool's own words). */
export class EngineError extends SifonError {
  constructor(code: EngineErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
