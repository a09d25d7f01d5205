import { readFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { resolve } from "node:path";
import { hostArch } from "./bytes/architecture.ts";
import { printable, quote } from "./bytes/printable.ts";
import { type OpenedBinds, openBinds } from "./container-bind-images.ts";
import {
  chooseOverlay,
  type OpenedOverlay,
  type OverlayOptions,
  openOverlays,
  rootImage,
  treeOf,
} from "./container-overlays.ts";
import { checkMountPlaces, checkProgram, keepFromHost } from "./container-program.ts";
import { directoryView } from "./image/directory-view.ts";
import { type LocalImage, openLocalImage } from "./image/local-image.ts";
import { whyUnreadable } from "./image/unreadable.ts";
import { findAccount, findGroups, groupFile, passwdFile } from "./runtime/account-files.ts";
import { type ActionRequest, helpText } from "./runtime/action/choose-command.ts";
import { ContainerError } from "./runtime/container/errors.ts";
import { makeHostPoints } from "./runtime/container/host-points.ts";
import { hostRuns } from "./runtime/container/host-runs.ts";
import { MountedTree, viewOf } from "./runtime/container/mounted-tree.ts";
import { libraryBind, nvidiaBinds } from "./runtime/container/nvidia.ts";
import { placeMounts } from "./runtime/container/place-mounts.ts";
import { wantedMounts } from "./runtime/container/wanted-mounts.ts";
import { makeWorkdirFolders, workdirFolder } from "./runtime/container/workdir.ts";
import { workingDirectory } from "./runtime/container/working-directory.ts";
import { EngineError } from "./runtime/engine/errors.ts";
import { openSession } from "./runtime/engine/open-session.ts";
import {
  isWritable,
  type Namespaces,
  type Overlay,
  type ProgramEnd,
  type RootImage,
  type SessionPlan,
} from "./runtime/engine/plan.ts";
import type { ProgramStreams, RunningProgram } from "./runtime/engine/session.ts";
import { hostEnvironment } from "./runtime/environment/host-environment.ts";
import type { RuntimeMessage } from "./runtime/message.ts";
import type { BindSpec } from "./runtime/options/binds.ts";
import { prepareProgram } from "./runtime/prepare-program.ts";
import { archName } from "./sif/architecture.ts";
import { findPrimaryPartition } from "./sif/image.ts";

/** How a container is run, beside what is run in it; each field is an option of Apptainer's by its name. */
export interface ContainerOptions extends OverlayOptions {
  readonly cleanEnv?: boolean;
  readonly noEval?: boolean;
  /** Pairs of all `--env`. */
  readonly env?: readonly (readonly [name: string, value: string])[];
  readonly envFile?: ReadonlyMap<string, string>;
  readonly contain?: boolean;
  /** `--bind`, `--mount`; those out of image files are read-only. */
  readonly binds?: readonly BindSpec[];
  /** `--home`: absolute paths. */
  readonly home?: { readonly source: string; readonly target: string } | undefined;
  readonly noHome?: boolean;
  readonly noMount?: readonly string[];
  /** `--pwd`, `--cwd` */
  readonly cwd?: string | undefined;
  readonly scratch?: readonly string[];
  readonly workdir?: string | undefined;
  readonly fakeroot?: boolean;
  readonly namespaces?: Namespaces;
  readonly hostname?: string | undefined;
  readonly nvidia?: boolean;
  /** Files of the host, which the container's programs find among their libraries. */
  readonly libraries?: readonly string[];
  readonly noUmask?: boolean;
  /** `--dns`: addresses, which /etc/resolv.conf then has in place of the host's. */
  readonly dns?: readonly string[];
}

/** One run of a container. */
export interface RunContainerRequest extends ActionRequest {
  /** Path of a SIF, a SquashFS file or a sandbox. */
  readonly image: string;
  readonly options: ContainerOptions;
  /** The caller's. */
  readonly environment: NodeJS.ProcessEnv;
  /** The caller's current directory; empty where it is gone. */
  readonly hostCwd: string;
  /** Told what the user should know, before the program runs. */
  readonly onMessage: (message: RuntimeMessage) => void;
  readonly streams?: ProgramStreams;
  /** The program runs: from here on its signals can be sent to it. */
  readonly onStart?: (program: RunningProgram) => void;
  /** Unpacks an image for a host that cannot mount it; gives the sandbox' path. */
  readonly unpack?: (image: string, why: Error) => Promise<string>;
  readonly signal?: AbortSignal;
}

/**
 * Runs a program in a container, its standard streams being the caller's own; resolves to how it ended. All mounts
 * are gone then.
 * @throws EngineError, ContainerError, RuntimeError, ImageFileError: nothing was run
 */
export async function runContainer(request: RunContainerRequest): Promise<ProgramEnd> {
  const { app = "" } = request;
  // No app has such a name, and scripts of the image would print it as it is.
  if (printable(app) !== app)
    throw new ContainerError("OPTION_UNFIT", {
      problem: `Could not locate the container application: ${quote(app)} has control characters`,
    });
  const path = resolve(request.hostCwd, request.image);
  if (request.hostCwd === "")
    request.onMessage({
      level: "warning",
      text: "can't determine current working directory: getwd: no such file or directory",
    });
  // Closed in the end, the last one first.
  const opened: { close(): Promise<void> }[] = [];
  const keep = <T extends { close(): Promise<void> }>(file: T): T => {
    opened.unshift(file);
    return file;
  };
  try {
    const image = keep(await openImage(path));
    checkArchitecture(image, path);
    const overlays = await openOverlays(request.options, image, request.onMessage);
    for (const { image: file } of overlays) if (file !== undefined) keep(file);
    const binds = keep(await openBinds(request.options.binds ?? [], request.onMessage));
    return await runOpened(image, path, request, { overlays, binds });
  } finally {
    for (const file of opened) await file.close();
  }
}

/** Says in Apptainer's words why there is no image at a path. */
async function openImage(path: string): Promise<LocalImage> {
  try {
    const image = await openLocalImage(path);
    const problem = image.kind === "sandbox" ? whyUnreadable(path, "") : undefined;
    if (problem === undefined) return image;
    throw new ContainerError("IMAGE_UNREADABLE", {
      path,
      problem: `${path} is not readable by the current user, check permissions: ${problem}`,
    });
  } catch (cause) {
    if (cause instanceof ContainerError) throw cause;
    const { code } = (cause instanceof Error ? (cause.cause ?? cause) : {}) as NodeJS.ErrnoException;
    const refuse = (problem: string) => new ContainerError("IMAGE_UNREADABLE", { path, problem, cause });
    if (code === "ENOENT")
      throw refuse(`failed to retrieve path for ${path}: lstat ${path}: no such file or directory. Check the path.`);
    if (code === "EACCES") throw refuse(`${path} is not readable by the current user, check permissions`);
    if (code === "IMAGE_FORMAT_UNKNOWN")
      throw refuse("image format not recognized: it is neither a SIF nor a SquashFS file nor a directory");
    throw cause;
  }
}

/**
 * What `run-help` prints: the help of an image, or of an app in it.
 * @throws ImageFileError, SifError, SquashfsReadError where the image cannot be read
 */
export async function containerHelp(path: string, app?: string): Promise<Uint8Array> {
  const image = await openLocalImage(path);
  try {
    return await helpText(viewOf(new MountedTree(treeOf(image))), app);
  } finally {
    await image.close();
  }
}

async function runOpened(
  image: LocalImage,
  path: string,
  request: RunContainerRequest,
  opened: { readonly overlays: readonly OpenedOverlay[]; readonly binds: OpenedBinds },
): Promise<ProgramEnd> {
  const { options, onMessage } = request;
  const { contain = false, namespaces = {} } = options;
  const caller = callerOf(request.environment);
  const home = options.home ?? { source: caller.home, target: options.fakeroot ? "/root" : caller.home };
  const { overlay, layers, root } = chooseOverlay(options, image, request.hostCwd, opened.overlays);
  const tree = new MountedTree(root);
  const tell = (messages: readonly RuntimeMessage[]) => messages.forEach(onMessage);
  const { scratch = [], workdir } = options;
  if (workdir !== undefined) makeWorkdirFolders(workdir, { contain, scratch });

  const binds = [
    ...(options.nvidia ? nvidiaBinds({ newDev: contain }) : []),
    ...(options.libraries ?? []).map(libraryBind),
    ...opened.binds.binds,
  ];
  const wanted = wantedMounts({
    ...{ contain, pid: namespaces.pid === true, ipc: namespaces.ipc === true, noMount: options.noMount ?? [], workdir },
    home: options.noHome
      ? undefined
      : { source: contain && options.home === undefined ? containedHome(workdir) : home.source, target: home.target },
    ...{ scratch, binds, cwd: request.hostCwd || undefined },
    files: await madeFiles(tree, { home: home.target, caller, options, overlay, tell }),
  });
  await placeMounts(tree, wanted, { canMakePoints: !isDirect(overlay), onMessage });
  const plan = (files: RootImage): SessionPlan => ({
    image: files,
    overlay: withPoints(overlay, tree.points),
    layers,
    ids: options.fakeroot ? "subordinate" : "self",
    otherImages: opened.binds.images,
    scratchDirectory: tmpdir(),
  });
  const opening = openRoot(image, path, request, plan);
  // Meanwhile; what it ends with is looked at below.
  opening.catch(() => {});

  try {
    const cwd = await workingDirectory(tree, { asked: options.cwd, host: request.hostCwd, home: home.target, contain });
    tell(cwd.messages);
    const host = hostEnvironment({
      ids: options.fakeroot ? { uid: 0, gid: 0 } : caller,
      ...{ host: request.environment, cleanEnv: options.cleanEnv ?? false, noEval: options.noEval ?? false },
      ...{ home: home.target, image: path, action: request.action, app: request.app, shell: request.shell },
      binds: (options.binds ?? []).map(({ target }) => target),
      env: options.env ?? [],
      envFile: options.envFile ?? new Map(),
    });
    const prepared = await prepareProgram(viewOf(tree), host, { ...request, cwd: cwd.path });
    tell(prepared.messages);
    for (const { stream, text } of prepared.output) process[stream].write(text);
    const sandbox = image.kind === "sandbox" && options.fakeroot !== true ? path : undefined;
    if (sandbox !== undefined) await checkMountPlaces(tree, sandbox);
    if (sandbox !== undefined) tell(await unreadableScripts(sandbox));
    if (prepared.kind === "exit") return { kind: "exit", code: prepared.status };
    await checkProgram(tree, prepared, { cwd: cwd.path, sandbox });
    const session = await opening;
    for (const text of session.notes) onMessage({ level: "info", text });
    // Only now: where anything else is refused, nothing is left on the host.
    makeHostPoints(tree.hostPoints);
    const running = await session.runAsChild(
      {
        // Without links: whoever enters a container looks them up on the host, to which an absolute one would lead.
        ...{ mounts: tree.mounts, namespaces, cwd: (await tree.resolve(cwd.path)).path },
        ...(await keepFromHost(tree, prepared, cwd.path)),
        ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
        ...(options.noUmask ? { umask: 0o022 } : {}),
      },
      { ...request.streams, ...(request.signal === undefined ? {} : { signal: request.signal }) },
    );
    request.onStart?.(running);
    return await running.ended;
  } finally {
    await opening.then(
      (session) => session.close(),
      () => {},
    );
  }
}

/** Opens the session, over an unpacked copy of the image where the host mounts none. */
async function openRoot(
  image: LocalImage,
  path: string,
  { unpack, signal }: RunContainerRequest,
  plan: (files: RootImage) => SessionPlan,
): ReturnType<typeof openSession> {
  const watch = signal === undefined ? {} : { signal };
  try {
    return await openSession(plan(rootImage(image, path)), watch);
  } catch (error) {
    if (!isMountProblem(error) || image.kind === "sandbox" || unpack === undefined) throw error;
    return openSession(plan({ kind: "directory", path: await unpack(path, error) }), watch);
  }
}

/** Whether an unpacked image helps against an error. */
function isMountProblem(error: unknown): error is EngineError {
  if (!(error instanceof EngineError)) return false;
  const { code, details } = error;
  return (
    code === "FUSE_UNAVAILABLE" ||
    code === "MOUNT_FAILED" ||
    (code === "TOOL_MISSING" && details.tool === "squashfuse_ll")
  );
}

function checkArchitecture(image: LocalImage, path: string): void {
  const partition = image.kind === "sif" && image.sif !== undefined ? findPrimaryPartition(image.sif) : undefined;
  if (partition?.extra.kind !== "partition") return;
  const architecture = archName(partition.extra.arch);
  if (!hostRuns(architecture, hostArch()))
    throw new ContainerError("ARCHITECTURE_FOREIGN", { path, seen: architecture, limit: hostArch() });
}

/** Scripts of a sandbox that its user cannot read are left out, as Apptainer does it; that is told. */
async function unreadableScripts(sandbox: string): Promise<RuntimeMessage[]> {
  const folder = ".singularity.d/env";
  const all = await directoryView(sandbox)
    .list(folder)
    .catch(() => []);
  const names = (all ?? []).filter((name) => name.endsWith(".sh"));
  const places = [folder, ...names.map((name) => `${folder}/${name}`), ".singularity.d/runscript"];
  const problems = places.flatMap((place) => whyUnreadable(sandbox, place) ?? []);
  return [...new Set(problems)].map((problem) => ({
    level: "warning",
    text: `Skipping scripts of the container: ${problem}`,
  }));
}

/** Who runs it: the account's name and home, the variable HOME for one that no database has. */
interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly name: string | undefined;
  readonly home: string;
}

function callerOf(environment: NodeJS.ProcessEnv): Caller {
  const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  try {
    const { username, homedir } = userInfo();
    return { ...ids, name: username, home: homedir };
  } catch {
    return { ...ids, name: undefined, home: environment.HOME || "/" };
  }
}

/** What `--contain` has for a home directory: one of its own in `--workdir`, else one in memory. */
function containedHome(workdir: string | undefined): string | undefined {
  return workdir === undefined ? undefined : workdirFolder(workdir, "home");
}

/** passwd, group, resolv.conf and hostname of the container. */
async function madeFiles(
  tree: MountedTree,
  { home, caller, options, overlay, tell }: MadeFilesOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  const { uid, gid, name = String(uid) } = caller;
  const account = findAccount(hostText("/etc/passwd"), uid) ?? { name, uid, gid, gecos: "", shell: "/bin/sh" };
  const gids = [...new Set([gid, ...(process.getgroups?.() ?? [])])];
  const groups = findGroups(hostText("/etc/group"), gids);
  const insideUid = options.fakeroot ? 0 : uid;
  // Root changes the files themselves where it may, as useradd does.
  const isOwn = uid === 0 && !options.fakeroot && isWritable(overlay);
  for (const [path, made] of isOwn
    ? []
    : ([
        ["/etc/passwd", (own: Uint8Array) => passwdFile(own, account, { home, insideUid })],
        ["/etc/group", (own: Uint8Array) => groupFile(own, account, groups)],
      ] as const)) {
    const own = await tree.read(path);
    if (own !== undefined) files.set(path, made(own));
    else tell([{ level: "warning", text: `${path.slice(5)} file doesn't exist in container, not updating` }]);
  }
  const { dns = [] } = options;
  const resolver = dns.length === 0 ? hostText("/etc/resolv.conf") : dns.map((one) => `nameserver ${one}\n`).join("");
  if (resolver !== "") files.set("/etc/resolv.conf", Buffer.from(resolver));
  if (options.hostname !== undefined) files.set("/etc/hostname", Buffer.from(`${options.hostname}\n`));
  return files;
}

interface MadeFilesOptions {
  readonly home: string;
  readonly caller: Caller;
  readonly options: ContainerOptions;
  readonly overlay: Overlay;
  readonly tell: (messages: readonly RuntimeMessage[]) => void;
}

/** A file of the host; empty where there is none. */
function hostText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function withPoints(overlay: Overlay, points: MountedTree["points"]): Overlay {
  return overlay.kind === "none" ? overlay : { ...overlay, points };
}

function isDirect(overlay: Overlay): boolean {
  return overlay.kind === "none";
}
