import { dirname, resolve } from "node:path";
import type { ContainerSource, Watch } from "./build/container-source.ts";
import { openLocalContainer } from "./build/local-container.ts";
import { openOciContainer } from "./build/oci-container.ts";
import { checkRewriteSpace } from "./build/rewrite-space.ts";
import type { ConvertTuning } from "./build/tuning.ts";
import type { ImageSource } from "./oci/image.ts";
import { withLocalImage } from "./sandbox/local-image.ts";
import { SandboxWriter } from "./sandbox/sandbox-writer.ts";

/** Where a sandbox comes from: an image source, which stays open, or the path of an image on this machine. */
export type SandboxSource = { readonly source: ImageSource } | { readonly path: string };

/** What becomes a sandbox, and where. */
export interface BuildSandboxOptions
  extends Pick<ConvertTuning, "allRoot" | "fixPermissions" | "ignoreSpace">,
    Partial<Watch> {
  readonly from: SandboxSource;
  /** Appears when it is whole. */
  readonly directory: string;
  /** Replace what has that name. */
  readonly overwrite?: boolean;
  /** Seconds since 1970 as text, as the variable SOURCE_DATE_EPOCH has it: time of what is added, and the latest file time. */
  readonly sourceDateEpoch?: string | undefined;
}

/** What was written. */
export interface BuildSandboxReport {
  /** Inodes of the container. */
  readonly fileCount: number;
}

/**
 * Builds a sandbox, a container as a plain directory, straight from the pipe: each content is written once, and gets
 * its name when the tree is known. Owners, devices and some attributes need root; what cannot be kept is told.
 *
 * Rejects with a `SifonError` of the stage that failed, or the signal's reason, and leaves nothing behind.
 */
export async function buildSandbox(options: BuildSandboxOptions): Promise<BuildSandboxReport> {
  const { directory, overwrite = false, from } = options;
  const { signal = new AbortController().signal, onProgress = () => {} } = options;
  const writer = await SandboxWriter.open(directory, { overwrite, signal, onProgress });
  const write = async (container: ContainerSource): Promise<BuildSandboxReport> => {
    const { tree } = await container.fill({ contents: writer.contents, signal, onProgress });
    onProgress({ kind: "stage", stage: "tables" });
    const { inodeCount } = await writer.finish(tree);
    onProgress({ kind: "done", fileCount: inodeCount, size: 0 });
    return { fileCount: inodeCount };
  };
  try {
    // It is made beside its final name.
    const room = {
      directory: dirname(resolve(directory)),
      compression: "none",
      ignore: options.ignoreSpace ?? false,
    } as const;
    if ("source" in from) {
      const access = { ...options, signal, onProgress, space: room, withMetadata: false };
      return await write(await openOciContainer(from.source, access));
    }
    return await withLocalImage(from.path, async (image) => {
      await checkRewriteSpace(image, { ...room, onProgress });
      return write(await openLocalContainer(image, options));
    });
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
