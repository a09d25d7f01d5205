import { type Host, TOOL_PACKAGES, type Tool } from "./engine/host.ts";
import { subordinateProblem } from "./engine/id-mapping.ts";

/** One thing that this host can do, or cannot. */
export interface HostFinding {
  /** What it is about, in a word or two. */
  readonly subject: string;
  /** `limit`: containers run, but not with everything. `missing`: no container runs. */
  readonly state: "fine" | "limit" | "missing";
  /** What is there, or what is not and what it takes. */
  readonly text: string;
}

/** OverlayFS in user namespaces: Linux 5.11. */
const OVERLAY_KERNEL = [5, 11] as const;

/** What a host's tools and kernel let containers do. Nothing is tried: what a sandbox around us forbids shows later. */
export function diagnoseHost(host: Host): readonly HostFinding[] {
  return [
    diagnosePrivileges(host),
    ...diagnoseTools(host),
    diagnoseImages(host),
    diagnoseOverlays(host),
    diagnoseFakeroot(host),
  ];
}

function diagnosePrivileges({ uid, userNamespaceRefusal }: Host): HostFinding {
  const subject = "namespaces";
  if (uid === 0) return { subject, state: "fine", text: "root: mounts and namespaces need no user namespace" };
  if (userNamespaceRefusal === undefined)
    return { subject, state: "fine", text: "user namespaces are allowed, as far as the settings say" };
  const text = `user namespaces are switched off (${userNamespaceRefusal}); the administrator can allow them with sysctl`;
  return { subject, state: "missing", text };
}

function diagnoseTools({ tools }: Host): HostFinding[] {
  return (["bwrap", "unshare", "nsenter", "mount"] as const).map((tool) => {
    const path = tools[tool];
    return path === undefined
      ? { subject: tool, state: "missing", text: `not found; ${install(tool)}` }
      : { subject: tool, state: "fine", text: path };
  });
}

function diagnoseImages({ uid, tools, fuseDevice, kernelSquashfs }: Host): HostFinding {
  const subject = "image mounts";
  const fuse = tools.squashfuse_ll ?? tools.squashfuse;
  if (fuse !== undefined && fuseDevice) return { subject, state: "fine", text: `${fuse}, /dev/fuse` };
  if (uid === 0 && kernelSquashfs) return { subject, state: "fine", text: "squashfs of the kernel" };
  const needed = [
    ...(fuse === undefined ? [`squashfuse is not found; ${install("squashfuse")}`] : []),
    ...(fuseDevice ? [] : ["/dev/fuse cannot be opened for reading and writing (modprobe fuse; mode 0666)"]),
  ].join("; ");
  return { subject, state: "limit", text: `${needed}. Until then images are unpacked, which is slow and takes space` };
}

function diagnoseOverlays({ uid, tools, fuseDevice, kernel, kernelOverlay }: Host): HostFinding {
  const subject = "overlays";
  const [major, minor] = kernel;
  const recent = major > OVERLAY_KERNEL[0] || (major === OVERLAY_KERNEL[0] && minor >= OVERLAY_KERNEL[1]);
  const fuse = tools["fuse-overlayfs"];
  const other = fuse === undefined ? `fuse-overlayfs is not found (${install("fuse-overlayfs")})` : fuse;
  if (uid === 0 || recent) {
    const module = kernelOverlay ? "" : ", whose module is not loaded yet";
    return {
      subject,
      state: "fine",
      text: `overlay of the kernel (${major}.${minor})${module}; in its place: ${other}`,
    };
  }
  if (fuse !== undefined && fuseDevice) return { subject, state: "fine", text: fuse };
  const text = `the kernel (${major}.${minor}) has none for users before 5.11, and fuse-overlayfs is not usable; ${install("fuse-overlayfs")}`;
  return {
    subject,
    state: "limit",
    text: `${text}. Without it nothing can be mounted where an image has no folder for it`,
  };
}

function diagnoseFakeroot(host: Host): HostFinding {
  const subject = "fakeroot";
  const { uid, subordinateUids } = host;
  if (uid === 0) return { subject, state: "fine", text: "root already" };
  const problem = subordinateProblem(host);
  if (problem !== undefined) return { subject, state: "limit", text: `only root inside: ${problem}` };
  return { subject, state: "fine", text: `${subordinateUids?.count} user ids from ${subordinateUids?.first}` };
}

function install(tool: Tool): string {
  return `Debian's package is ${TOOL_PACKAGES[tool]}`;
}
