import { chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../../runtime/engine/errors.ts";
import { type Host, probeHost } from "../../runtime/engine/host.ts";
import { openSession } from "../../runtime/engine/open-session.ts";
import type { IdMapping, Overlay } from "../../runtime/engine/plan.ts";
import type { EngineSession } from "../../runtime/engine/session.ts";
import { SandboxWriter } from "../../sandbox/sandbox-writer.ts";
import type { RootSource } from "../root.ts";
import type { StageOptions } from "../stage.ts";
import { type StageImage, stageImageRoot, writeStageImage } from "../stage-image.ts";

/** A stage's root, mounted for its scripts. */
export interface StageSession {
  readonly session: EngineSession;
  /** Of what was changed: an overlay's upper directory; the whole root where there is no overlay. */
  readonly changes: { readonly kind: "upper" | "root"; readonly path: string };
  /** Ends all programs, unmounts, and removes what they wrote. Never rejects. */
  close(): Promise<void>;
}

/** What an unpacked root serves for: the host has namespaces, but cannot mount an image or an overlay. */
const MOUNT_TROUBLE: ReadonlySet<string> = new Set(["FUSE_UNAVAILABLE", "OVERLAY_UNAVAILABLE", "MOUNT_FAILED"]);
const MOUNT_TOOLS: ReadonlySet<unknown> = new Set(["mount", "squashfuse", "squashfuse_ll", "fuse-overlayfs"]);

/** Root's own ids, or as many as an ordinary user may have. */
export function idMapping(host: Host): IdMapping {
  if (host.uid === 0) return "root";
  const { subordinateUids, subordinateGids, tools } = host;
  const tooFew = [subordinateUids, subordinateGids, tools.newuidmap, tools.newgidmap].includes(undefined);
  return tooFew ? "root" : "subordinate";
}

/** A stage's image, mounted. */
export interface MountedStage extends StageSession {
  readonly image: StageImage;
}

/**
 * Writes a root as an image and mounts it. Where nobody but root exists in the session, root owns all of the
 * image there: files of ids that are not mapped cannot be changed, not even by root.
 * @throws EngineError where the host has no namespaces for us
 */
export async function mountRoot(
  root: RootSource,
  folder: string,
  { writable, options }: { readonly writable: boolean; readonly options: StageOptions },
): Promise<MountedStage> {
  const host = probeHost();
  const ids = idMapping(host);
  const isAlone = host.uid !== 0 && ids === "root";
  if (isAlone) {
    const message =
      "User not listed in /etc/subuid, trying root-mapped namespace: only root exists for the definition's scripts, and giving files to others does nothing";
    options.onProgress({ kind: "warning", message });
  }
  let image = await writeStageImage(root, join(folder, "image"), { ...options, ownedByRoot: isAlone });
  await root.close();
  const settings = { ids, writable, options };
  let opened = await openStageSession(image, folder, settings);
  if (opened.session.ids === "root" && image.owners === undefined) {
    // A root who may not mount: found out by trying.
    await opened.close();
    const again = join(folder, "image-of-root");
    image = await writeStageImage(stageImageRoot(image), again, { ...options, ownedByRoot: true });
    opened = await openStageSession(image, folder, settings);
  }
  return { ...opened, image };
}

interface SessionSettings {
  readonly ids: IdMapping;
  readonly writable: boolean;
  readonly options: StageOptions;
}

/**
 * Mounts a stage's image, for programs to change it or, read-only, to look at it.
 * @param folder empty, on a file system of this host; removed in the end
 * @throws EngineError where the host has no namespaces for us
 */
async function openStageSession(image: StageImage, folder: string, settings: SessionSettings): Promise<StageSession> {
  const { onProgress } = settings.options;
  try {
    const opened = await mountImage(image, folder, settings);
    for (const message of opened.session.notes) onProgress({ kind: "warning", message });
    return opened;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const isMounting =
      error.code === "TOOL_MISSING" ? MOUNT_TOOLS.has(error.details.tool) : MOUNT_TROUBLE.has(error.code);
    if (!isMounting) throw error;
    const message = `The container is unpacked for its scripts, which takes time and its full size in ${folder}: ${error.message}`;
    onProgress({ kind: "warning", message });
    return unpackImage(image, folder, settings);
  }
}

async function mountImage(
  image: StageImage,
  folder: string,
  { ids, writable, options: { signal } }: SessionSettings,
): Promise<StageSession> {
  const over = join(folder, "over");
  const upper = join(over, "upper");
  const work = join(over, "work");
  let overlay: Overlay = { kind: "none" };
  if (writable) {
    await mkdir(upper, { recursive: true });
    await mkdir(work, { recursive: true });
    // The overlay's root shows what this directory is, not what the image's root is.
    await chmod(upper, image.rootMode);
    overlay = { kind: "directories", upper, work };
  }
  const lower = { kind: "squashfs", file: image.path, offset: 0, size: image.size } as const;
  const session = await openSession({ image: lower, overlay, ids, scratchDirectory: folder }, { signal });
  const path = session.upperPath ?? session.rootPath;
  return {
    session,
    changes: { kind: session.upperPath === undefined ? "root" : "upper", path },
    // What subordinate ids own only the session's root can remove. The overlay goes first: it holds its folders.
    close: () =>
      closeAndRemove(session, ['umount -- "$0"; rm -rf -- "$1"/* || :', session.rootPath, join(path, "..")], writable),
  };
}

async function unpackImage(
  image: StageImage,
  folder: string,
  { ids, options: { signal, onProgress } }: SessionSettings,
): Promise<StageSession> {
  const path = join(folder, "root");
  const writer = await SandboxWriter.open(path, { signal, onProgress });
  try {
    const { tree } = await stageImageRoot(image).fill({ contents: writer.contents, signal, onProgress });
    await writer.finish(tree);
  } catch (error) {
    await writer.abort();
    throw error;
  }
  const plan = {
    image: { kind: "directory", path },
    overlay: { kind: "none", writable: true },
    ids,
    scratchDirectory: folder,
  } as const;
  const session = await openSession(plan, { signal });
  const { rootPath } = session;
  return {
    session,
    changes: { kind: "root", path: rootPath },
    close: () => closeAndRemove(session, ['find "$0" -xdev -mindepth 1 -delete || :', rootPath], true),
  };
}

async function closeAndRemove(
  session: EngineSession,
  command: readonly [string, ...string[]],
  isWritten: boolean,
): Promise<void> {
  if (isWritten) {
    const removal = session.runHost(["/bin/sh", "-c", ...command], { stdio: "ignore", cwd: "/" });
    await removal.ended.catch(() => {});
  }
  await session.close();
}

/** Removes a folder of ours with all in it. Never rejects. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true }).catch(() => {});
}
