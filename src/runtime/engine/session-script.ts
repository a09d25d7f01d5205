import { posix } from "node:path";
import { escapeSingleQuoted } from "../../singularity-d/shell-quote.ts";
import { EngineError } from "./errors.ts";
import { type Host, squashfuseTakesOwner } from "./host.ts";
import { SESSION_FOLDER } from "./host-root.ts";
import type { MountPoint, RootImage, SessionPlan } from "./plan.ts";

/** Where things are in a session. */
export const ROOT: string = `${SESSION_FOLDER}/root`;
export const UPPER_FOLDER: string = `${SESSION_FOLDER}/over`;
const LOWER = `${SESSION_FOLDER}/lower`;
const POINTS = `${SESSION_FOLDER}/points`;

/** Where one of the plan's `otherImages` is mounted. */
export function otherImagePath(index: number): string {
  return `${SESSION_FOLDER}/image${index}`;
}

/** A host that has been looked at, and who the session is. */
export interface ScriptSettings {
  readonly host: Host;
  /** Real root, not that of a user namespace. */
  readonly privileged: boolean;
  /** All files are shown as the caller's, who could not read those of ids that it lacks. */
  readonly asCaller?: boolean;
}

/** The session's setup as a shell script, and what bubblewrap has to bind for it. */
export interface SessionScript {
  /** Pieces of the script, to be run one behind the other: the kernel takes 128 KiB in one piece. */
  readonly pieces: readonly string[];
  readonly binds: readonly string[];
  readonly upperPath: string | undefined;
  readonly imagePaths: readonly string[];
}

/**
 * The script that the session's process runs: it mounts image and overlay, prints `ready PID`, and waits for its
 * standard input to end, which it does when Sifon does, however that happens. A step that fails prints `failed STEP`.
 * @throws EngineError TOOL_MISSING, FUSE_UNAVAILABLE, OVERLAY_UNAVAILABLE
 */
export function sessionScript(plan: SessionPlan, given: ScriptSettings): SessionScript {
  const settings = { ...given, asCaller: !given.privileged && plan.ids === "self" };
  const { overlay, image } = plan;
  const mount = shellQuote(requireTool(settings.host, "mount", "it mounts the image's layers"));
  // From here on what the kernel is told of layers is short: it takes a page of options.
  const lines = ["umask 022", `cd ${SESSION_FOLDER}`, 'failed() { echo "failed $1"; exit 1; }'];
  // Made by bubblewrap, which is there anyway: a process less.
  const binds: string[] = [LOWER, POINTS, ROOT].flatMap((folder) => ["--dir", folder]);
  const layers = plan.layers ?? [];
  const isPlain =
    overlay.kind === "none" || (overlay.kind === "mount-points" && overlay.points.length === 0 && layers.length === 0);
  const lower = isPlain ? ROOT : LOWER;
  if (image.kind === "directory") {
    const writable = overlay.kind === "none" && overlay.writable === true;
    binds.push(writable ? "--bind" : "--ro-bind", image.path, lower);
  } else lines.push(mountImage(image, lower, settings));

  const mountBeside = (pathOf: (index: number) => string) => (other: RootImage, index: number) => {
    const path = pathOf(index);
    if (other.kind === "directory") binds.push("--ro-bind", other.path, path);
    else lines.push(`mkdir ${path}`, mountImage(other, path, settings));
    return path;
  };
  const imagePaths = (plan.otherImages ?? []).map(mountBeside(otherImagePath));
  const layerPaths = layers.map(mountBeside((index) => `${SESSION_FOLDER}/l${index}`));
  let upperPath: string | undefined;
  if (!isPlain) {
    const points = overlay.points ?? [];
    lines.push(...makePoints(points));
    // Below the image: directories that it has keep their owner and mode.
    const lowers = [...layerPaths, LOWER, ...(points.length > 0 ? [POINTS] : [])];
    if (lowers.length > MAX_LAYERS)
      throw new EngineError("TOO_MANY_LAYERS", { seen: lowers.length, limit: MAX_LAYERS });
    let written = "";
    if (overlay.kind === "memory") {
      lines.push(
        `mkdir ${UPPER_FOLDER}`,
        `${mount} -t tmpfs -o mode=755,size=${overlay.sizeMiB}m tmpfs ${UPPER_FOLDER} || failed memory`,
        `mkdir ${UPPER_FOLDER}/upper ${UPPER_FOLDER}/work`,
      );
      upperPath = `${UPPER_FOLDER}/upper`;
      written = `,upperdir=${upperPath},workdir=${UPPER_FOLDER}/work`;
    } else if (overlay.kind === "directories") {
      binds.push("--bind", posix.dirname(overlay.upper), UPPER_FOLDER);
      // mount(8)'s options have no way to quote these.
      if (/[:,\\]/.test(posix.basename(overlay.upper) + posix.basename(overlay.work)))
        throw new TypeError("the names of an overlay's directories hold a colon, a comma or a backslash");
      upperPath = `${UPPER_FOLDER}/${posix.basename(overlay.upper)}`;
      written = `,upperdir=${upperPath},workdir=${UPPER_FOLDER}/${posix.basename(overlay.work)}`;
    }
    lines.push(mountOverlay(lowers, written, plan, settings));
  }
  // Under the number that the host knows, though the process has a PID namespace: /proc is the host's.
  lines.push("read -r pid rest </proc/self/stat", 'echo "ready $pid"', "read -r rest || :");
  return { pieces: inPieces(lines), binds, upperPath, imagePaths };
}

function mountImage(image: RootImage & { kind: "squashfs" }, target: string, settings: ScriptSettings): string {
  const { host, privileged, asCaller = false } = settings;
  const file = shellQuote(image.file);
  const ways: string[] = [];
  if (privileged) {
    const mount = shellQuote(requireTool(host, "mount", "it mounts the image"));
    ways.push(
      `${mount} -t squashfs -o loop,ro,nodev,offset=${image.offset},sizelimit=${image.size} ${file} ${target} 2>/dev/null`,
    );
  }
  const fuse = host.tools.squashfuse_ll ?? host.tools.squashfuse;
  if (host.fuseDevice && fuse !== undefined) {
    // The kernel must check permissions, or an overlay on top is refused everything (EACCES) without privileges.
    const owner = asCaller && squashfuseTakesOwner(fuse) ? "uid=0,gid=0," : "";
    const options = `${owner}allow_other,default_permissions,offset=${image.offset}`;
    ways.push(`${shellQuote(fuse)} -o ${options} ${file} ${target}`);
  }
  if (ways.length === 0) {
    if (host.fuseDevice) requireTool(host, "squashfuse_ll", "it mounts the image");
    throw new EngineError("FUSE_UNAVAILABLE", { path: image.file });
  }
  return `${ways.join(" || ")} || failed image`;
}

function mountOverlay(
  lowers: readonly string[],
  written: string,
  plan: SessionPlan,
  { host, privileged }: ScriptSettings,
): string {
  const ways: string[] = [];
  const [major, minor] = host.kernel;
  // 5.11: overlays in user namespaces, with attributes of the name space user.
  if (privileged || major > 5 || (major === 5 && minor >= 11)) {
    const mount = shellQuote(requireTool(host, "mount", "it mounts the image's layers"));
    // What is written must stand for itself: no renamed folders and no files without content, whatever the kernel's default.
    const marks = privileged ? ",redirect_dir=off,metacopy=off,index=off" : ",userxattr";
    const names = lowers.map((path) => posix.relative(SESSION_FOLDER, path)).join(":");
    ways.push(`${mount} -t overlay -o lowerdir=${names}${written}${marks} overlay ${ROOT} 2>${LOWER}.log`);
  }
  const fuse = host.tools["fuse-overlayfs"];
  if (fuse !== undefined && host.fuseDevice)
    ways.push(`${shellQuote(fuse)} -o lowerdir=${lowers.join(":")}${written} ${ROOT}`);
  if (ways.length === 0) {
    const path = plan.image.kind === "squashfs" ? plan.image.file : plan.image.path;
    throw new EngineError("OVERLAY_UNAVAILABLE", { path, uid: host.uid });
  }
  return `${ways.join(" || ")} || { cat ${LOWER}.log >&2; failed overlay; }`;
}

/** Bytes of a script, or of a command's words, that go together: Linux takes 128 KiB in one word (MAX_ARG_STRLEN). */
const PIECE_SIZE = 60_000;
/** Layers below an overlay: Linux's OVL_MAX_STACK (fs/overlayfs). */
const MAX_LAYERS = 500;

/** Commands that make mount points, with as few processes as can be. */
function makePoints(points: readonly MountPoint[]): string[] {
  const at = (path: string) => `${POINTS}${path}`;
  const files = points.filter(({ kind }) => kind === "file").map(({ path }) => at(path));
  const folders = points.filter(({ kind }) => kind === "directory").map(({ path }) => at(path));
  const needed = [...new Set([...folders, ...files.map((path) => posix.dirname(path))])].map(shellQuote);
  return [
    ...grouped(needed).map((words) => `mkdir -p ${words.join(" ")}`),
    ...files.map((path) => `: >${shellQuote(path)}`),
  ];
}

function inPieces(lines: readonly string[]): string[] {
  return grouped(lines).map((group) => group.join("\n"));
}

/** Texts in groups of at most {@link PIECE_SIZE} bytes; one that is longer has one to itself. */
function grouped(texts: readonly string[]): string[][] {
  const groups: string[][] = [];
  let size = PIECE_SIZE;
  for (const text of texts) {
    const own = Buffer.byteLength(text) + 1;
    if (size + own > PIECE_SIZE) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)?.push(text);
    size += own;
  }
  return groups;
}

/** The path of a tool. @throws EngineError TOOL_MISSING */
export function requireTool(host: Host, tool: keyof Host["tools"], purpose: string): string {
  const path = host.tools[tool];
  if (path === undefined) throw new EngineError("TOOL_MISSING", { tool, purpose });
  return path;
}

/** One word of a POSIX shell. */
export function shellQuote(text: string): string {
  return `'${escapeSingleQuoted(text)}'`;
}
