import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { LIBRARY_FOLDER } from "../environment/defaults.ts";
import type { UserBind } from "./wanted-mounts.ts";

/** The driver's libraries by the beginnings of their names (Apptainer's nvliblist.conf), without what follows `.so`. */
const LIBRARIES =
  /^lib(cuda|cudadebugger|nvidia-[a-z0-9-]+|nvcuvid|nvoptix|nvidia_[a-z0-9]+|EGL|EGL_nvidia|GLESv1_CM|GLESv1_CM_nvidia|GLESv2|GLESv2_nvidia|GL|GLX|GLX_nvidia|GLdispatch|OpenCL|OpenGL|vdpau_nvidia)\.so(\.|$)/;
const PROGRAMS = [
  "nvidia-smi",
  "nvidia-debugdump",
  "nvidia-persistenced",
  "nvidia-cuda-mps-control",
  "nvidia-cuda-mps-server",
];

/** What `--nv` binds, of what this host has of NVIDIA's driver: libraries, programs, and devices where /dev is new. */
export function nvidiaBinds({ newDev }: { readonly newDev: boolean }): UserBind[] {
  const bind = (source: string, target: string): UserBind => ({ source, target, readOnly: false });
  const libraries = new Map<string, string>();
  for (const [, name, path] of libraryCache().matchAll(/^\t(\S+) \((?:[^)]*)\) => (\S+)$/gm)) {
    if (name !== undefined && path !== undefined && LIBRARIES.test(name) && !libraries.has(name))
      libraries.set(name, path);
  }
  const binds = [...libraries].map(([name, path]) => bind(realpathSync(path), `${LIBRARY_FOLDER}/${name}`));
  for (const program of PROGRAMS) {
    const path = `/usr/bin/${program}`;
    if (existsSync(path)) binds.push(bind(path, path));
  }
  if (newDev) {
    const devices = readdirSync("/dev").filter((name) => name.startsWith("nvidia"));
    binds.push(...devices.map((name) => bind(`/dev/${basename(name)}`, `/dev/${basename(name)}`)));
  }
  return binds;
}

/** A file of the host among the container's libraries (APPTAINER_CONTAINLIBS). */
export function libraryBind(path: string): UserBind {
  return { source: path, target: `${LIBRARY_FOLDER}/${basename(path)}`, readOnly: true };
}

/** What the dynamic linker knows: `NAME (kind) => PATH` a line. */
function libraryCache(): string {
  for (const ldconfig of ["/sbin/ldconfig", "/usr/sbin/ldconfig"]) {
    try {
      return execFileSync(ldconfig, ["-p"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch {
      // The next place is looked at.
    }
  }
  return "";
}
