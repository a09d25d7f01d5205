import { constants, statSync } from "node:fs";
import { isAccessible } from "./bytes/is-accessible.ts";
import { holdsExt, squashfsRoot } from "./container-overlays.ts";
import { ImageFileError } from "./image/errors.ts";
import { type ImageFile, openImageFile, openPartition } from "./image/open-image.ts";
import { ContainerError } from "./runtime/container/errors.ts";
import { type FileTree, squashfsTree, treeBelow } from "./runtime/container/image-tree.ts";
import { MountedTree } from "./runtime/container/mounted-tree.ts";
import type { UserBind } from "./runtime/container/wanted-mounts.ts";
import type { RootImage } from "./runtime/engine/plan.ts";
import { otherImagePath } from "./runtime/engine/session-script.ts";
import type { RuntimeMessage } from "./runtime/message.ts";
import type { BindSpec } from "./runtime/options/binds.ts";
import { FsType } from "./sif/data-type.ts";
import { findDataPartition, type SifObject } from "./sif/image.ts";
import { SquashfsImage } from "./squashfs/reader/image.ts";

/** What the user's binds come to, with the image files that some are taken out of. */
export interface OpenedBinds {
  readonly binds: readonly UserBind[];
  /** The session mounts them beside the root, in this order. */
  readonly images: readonly RootImage[];
  close(): Promise<void>;
}

/** A file system of an image file: mounted once, however many binds are taken out of it. */
interface Source {
  readonly file: ImageFile;
  /** Undefined for a SquashFS file, which has nothing else in it. */
  readonly partition: SifObject | undefined;
  readonly files: FileTree;
}

/**
 * Opens the image files of binds (`image-src`) and looks up what is bound. They are only read.
 * @throws ContainerError OPTION_UNFIT, in Apptainer's words where it has some; what the readers throw
 */
export async function openBinds(
  specs: readonly BindSpec[],
  onMessage: (message: RuntimeMessage) => void,
): Promise<OpenedBinds> {
  const images = new Map<string, ImageFile>();
  const sources: Source[] = [];
  const close = async () => {
    for (const file of images.values()) await file.close();
  };
  try {
    const binds: UserBind[] = [];
    for (const spec of specs) {
      const { source, target, readOnly, imagePath, imageObject } = spec;
      if (imagePath === undefined) {
        binds.push({ source, target, readOnly });
        continue;
      }
      const file = images.get(source) ?? (await openImage(source));
      images.set(source, file);
      // As Apptainer: once for each bind, and of a SIF that could be written to it says nothing.
      if (!readOnly && (file.sif === undefined || !isAccessible(source, constants.W_OK)))
        onMessage({ level: "warning", text: `Data image ${source} is not writable, proceeding with read-only` });
      const partition = choosePartition(file, imageObject);
      let at = sources.findIndex((other) => other.file === file && other.partition === partition);
      if (at < 0) at = sources.push(await openSource(file, partition)) - 1;
      binds.push({ target, ...(await lookUp(sources[at] as Source, otherImagePath(at), imagePath)) });
    }
    return {
      binds,
      images: sources.map(({ file, partition }) => squashfsRoot(file.path, file.source.size, partition)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openImage(path: string): Promise<ImageFile> {
  const refuse = (problem: string): never =>
    refuseOption(`while loading data bind images: failed to load data image ${path}: ${problem}`);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) refuse(`failed to retrieve path for ${path}: lstat ${path}: no such file or directory`);
  if (stat?.isDirectory())
    refuseOption(`container creation failed: could not use ${path} for image binding: not supported image format`);
  if (!stat?.isFile()) refuse("image format not recognized");
  if (!isAccessible(path, constants.R_OK)) refuse(`${path} is not readable by the current user, check permissions`);
  if (holdsExt(path)) refuseExt(path, `debugfs of Debian's package e2fsprogs: debugfs -R "rdump / DIR" ${path}`);
  try {
    return await openImageFile(path);
  } catch (error) {
    if (error instanceof ImageFileError && error.code === "IMAGE_FORMAT_UNKNOWN")
      refuse("image format not recognized; SIFs and SquashFS files are");
    throw error;
  }
}

/** The partition that `id` names, the first one for data without it. */
function choosePartition({ path, sif }: ImageFile, id: number | undefined): SifObject | undefined {
  // Of a SquashFS file Apptainer takes every id.
  if (sif === undefined) return undefined;
  const found = id === undefined ? findDataPartition(sif) : sif.objects.find((object) => object.id === id);
  if (found?.extra.kind !== "partition") refuseOption(`container creation failed: no data partition found in ${path}`);
  else if (found.extra.fsType === FsType.ext3)
    refuseExt(`object ${found.id} of ${path}`, `sifon sif dump ${found.id} ${path}, then debugfs -R "rdump / DIR"`);
  return found;
}

async function openSource(file: ImageFile, partition: SifObject | undefined): Promise<Source> {
  const squashfs =
    partition === undefined ? await SquashfsImage.open(file.source) : await openPartition(file.source, partition);
  return { file, partition, files: squashfsTree(squashfs) };
}

/**
 * Deviates: Apptainer finds absolute links of an image on the host. Here they stay in it, as they do in a container
 * (test/cli/bind-image.test.ts).
 */
async function lookUp({ file, files }: Source, mountedAt: string, wanted: string): Promise<Omit<UserBind, "target">> {
  const { path, entry } = await new MountedTree(files).resolve(wanted);
  if (entry === undefined)
    refuseOption(
      `container creation failed: mount hook function failure: hook function for tag prelayer returns error: ${wanted} doesn't exist in image ${file.path}`,
    );
  return {
    ...{ source: path === "/" ? mountedAt : mountedAt + path, readOnly: true },
    image: { name: `${path} of ${file.path}`, files: treeBelow(files, path) },
  };
}

function refuseExt(what: string, how: string): never {
  return refuseOption(
    `${what} holds an ext3 file system, which Sifon does not mount: copy what is in it into a directory (${how}) and bind that, or use --engine apptainer`,
  );
}

function refuseOption(problem: string): never {
  throw new ContainerError("OPTION_UNFIT", { problem });
}
