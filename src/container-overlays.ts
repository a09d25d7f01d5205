import { closeSync, constants, existsSync, lstatSync, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { isAccessible } from "./bytes/is-accessible.ts";
import { systemReason } from "./bytes/system-reason.ts";
import { type LocalImage, openLocalImage } from "./image/local-image.ts";
import { ContainerError } from "./runtime/container/errors.ts";
import { directoryTree, type FileTree, overlaidTree, squashfsTree } from "./runtime/container/image-tree.ts";
import { SESSION_SIZE_MIB } from "./runtime/container/wanted-mounts.ts";
import type { Overlay, RootImage } from "./runtime/engine/plan.ts";
import type { RuntimeMessage } from "./runtime/message.ts";
import { findPrimaryPartition, type SifObject } from "./sif/image.ts";

/** What of a container's root is written to, and where to. */
export interface OverlayOptions {
  readonly writableTmpfs?: boolean;
  /** `--overlay`: absolute paths of directories and SquashFS files, a later one above those before it. */
  readonly overlays?: readonly { readonly path: string; readonly readOnly: boolean }[];
  /** `--writable`, of sandboxes. */
  readonly writable?: boolean;
}

/** One `--overlay`. */
export interface OpenedOverlay {
  readonly path: string;
  readonly readOnly: boolean;
  /** Undefined for a directory. */
  readonly image: LocalImage | undefined;
}

const OVERLAY_PROBLEM = "while loading overlay images: ";

type Refuse = (problem: string, cause?: unknown) => never;

/** Looks at what `--overlay` names: a directory, or a SquashFS file, which is only read. @throws ContainerError OPTION_UNFIT */
export async function openOverlays(
  options: OverlayOptions,
  image: LocalImage,
  onMessage: (message: RuntimeMessage) => void,
): Promise<OpenedOverlay[]> {
  if (options.writable === true && options.writableTmpfs === true)
    onMessage({ level: "warning", text: "Disabling --writable-tmpfs flag, mutually exclusive with --writable" });
  const opened: OpenedOverlay[] = [];
  const refuse: Refuse = (problem, cause) => {
    throw new ContainerError("OPTION_UNFIT", { problem: OVERLAY_PROBLEM + problem, cause });
  };
  let written: string | undefined;
  try {
    for (const { path, readOnly } of options.overlays ?? []) {
      if (path === "") refuse("failed to open overlay image : failed to get absolute path: path is empty");
      const isDirectory = openable(path, refuse, () => statSync(path).isDirectory());
      const file = isDirectory ? undefined : await openOverlayFile(path, refuse);
      if (file !== undefined) opened.push({ path, readOnly: true, image: file });
      if (file !== undefined && !readOnly)
        onMessage({ level: "warning", text: `Overlay image ${path} is not writable, proceeding with read-only` });
      if (file !== undefined) continue;
      for (const part of ["upper", "work"]) checkFolder(join(path, part), refuse);
      opened.push({ path, readOnly, image: undefined });
      if (!readOnly && written !== undefined)
        refuse(
          `you can't specify more than one writable overlay, ${written} contains a writable overlay, requires to use '--overlay ${path}:ro'`,
        );
      if (!readOnly) written = path;
    }
    if (written !== undefined && options.writableTmpfs === true && options.writable !== true)
      refuse(
        `you can't specify --writable-tmpfs with another writable overlay image (${written}): leave one of them out (--compat brings --writable-tmpfs), or use '--overlay ${written}:ro'`,
      );
    if (opened.length > 0 && options.writable === true && isAccessible(image.path, constants.W_OK))
      throw new ContainerError("OPTION_UNFIT", {
        problem: "cannot use --overlay in conjunction with --writable: leave one of them out",
      });
    return opened;
  } catch (error) {
    for (const { image: file } of opened) await file?.close();
    throw error;
  }
}

/** What is there already has to be a directory itself: a symbolic link would be looked up among other files. */
function checkFolder(path: string, refuse: Refuse): void {
  const found = openable(path, refuse, () => lstatSync(path, { throwIfNoEntry: false }));
  if (found === undefined || found.isDirectory()) return;
  const seen = found.isSymbolicLink() ? " but a symbolic link" : "";
  refuse(`${path} is not a directory${seen}: put the directory itself there, or give --overlay another directory`);
}

/** The magic of ext2, ext3 and ext4 lies in their superblock: at 1024 + 56. */
const EXT_MAGIC = { offset: 1080, value: 0xef53 } as const;

/** Whether a file is an image of ext2, ext3 or ext4. */
export function holdsExt(path: string): boolean {
  return readMagic(path).readUInt16LE() === EXT_MAGIC.value;
}

async function openOverlayFile(path: string, refuse: Refuse): Promise<LocalImage> {
  if (openable(path, refuse, () => holdsExt(path)))
    refuse(
      `${path} holds an ext3 file system, which Sifon does not mount: copy its folder "upper" into a directory (debugfs of Debian's package e2fsprogs: debugfs -R "rdump / DIR" ${path}) and give that to --overlay, or use --engine apptainer`,
    );
  const image = await openLocalImage(path).catch(() => undefined);
  if (image?.kind === "squashfs") return image;
  await image?.close();
  return refuse(
    `failed to open overlay image ${path}: image format not recognized; directories and SquashFS files are`,
  );
}

function readMagic(path: string): Buffer {
  const head = Buffer.alloc(2);
  // Of a FIFO, an open that waits would hold the process: it is opened at once, and cannot be read at a place.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    readSync(file, head, 0, 2, EXT_MAGIC.offset);
  } finally {
    closeSync(file);
  }
  return head;
}

function openable<T>(path: string, refuse: Refuse, look: () => T): T {
  try {
    return look();
  } catch (cause) {
    return refuse(`failed to open overlay image ${path}: ${systemReason(cause)}`, cause);
  }
}

/** What lies over the image: what is written, the layers below that, and all of it as a tree. @throws ContainerError NOT_WRITABLE, OPTION_UNFIT */
export function chooseOverlay(
  options: OverlayOptions,
  image: LocalImage,
  cwd: string,
  opened: readonly OpenedOverlay[],
): { readonly overlay: Overlay; readonly layers: readonly RootImage[]; readonly root: FileTree } {
  const { writable = false, writableTmpfs = false } = options;
  if (writable) {
    if (image.kind === "sandbox") return { overlay: { kind: "none", writable: true }, layers: [], root: treeOf(image) };
    const path = resolve(cwd, image.path);
    if (image.kind === "squashfs") {
      const problem = `could not set ${path} image writable: squashfs is a read-only filesystem`;
      throw new ContainerError("NOT_WRITABLE", { path, problem });
    }
    const problem = isAccessible(path, constants.W_OK)
      ? `no SIF writable overlay partition found in ${path}`
      : `could not use ${path} for writing, you don't have write permissions`;
    throw new ContainerError("NOT_WRITABLE", { path: image.path, problem });
  }
  const layers: RootImage[] = [];
  let root = treeOf(image);
  let overlay: Overlay = writableTmpfs
    ? { kind: "memory", sizeMiB: SESSION_SIZE_MIB }
    : { kind: "mount-points", points: [] };
  for (const { path, image: file } of opened.filter(({ readOnly }) => readOnly)) {
    const upper = join(path, "upper");
    if (file === undefined && !existsSync(upper)) continue;
    layers.unshift(file === undefined ? { kind: "directory", path: upper } : rootImage(file, path));
    root = overlaidTree(file === undefined ? directoryTree(upper) : treeOf(file), root);
  }
  const written = opened.find(({ readOnly }) => !readOnly);
  if (written !== undefined) {
    const upper = join(written.path, "upper");
    const work = join(written.path, "work");
    for (const folder of [upper, work]) makeFolder(folder);
    overlay = { kind: "directories", upper, work };
    root = overlaidTree(directoryTree(upper), root);
  }
  return { overlay, layers, root };
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (cause) {
    const problem = `${OVERLAY_PROBLEM}failed to create ${path}: ${systemReason(cause)}. Give a directory that you may write to, or end its path with :ro`;
    throw new ContainerError("OPTION_UNFIT", { problem, cause });
  }
}

/** A local image, as the engine mounts it. */
export function rootImage(image: LocalImage, path: string): RootImage {
  if (image.kind === "sandbox") return { kind: "directory", path };
  return squashfsRoot(path, image.access.size, image.sif && findPrimaryPartition(image.sif));
}

/** A partition of an image file as the engine mounts it; without one, all of the file. */
export function squashfsRoot(
  file: string,
  fileSize: number,
  { offset, size }: Pick<SifObject, "offset" | "size"> = { offset: 0, size: fileSize },
): RootImage {
  return { kind: "squashfs", file, offset, size };
}

/** The files of a local image. */
export function treeOf(image: LocalImage): FileTree {
  return image.kind === "sandbox" ? directoryTree(resolve(image.path)) : squashfsTree(image.squashfs);
}
