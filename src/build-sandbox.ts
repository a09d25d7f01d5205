import { dirname, resolve } from "node:path";
import type { Watch } from "./build/container-source.ts";
import { openLocalContainer } from "./build/local-container.ts";
import { openOciContainer } from "./build/oci-container.ts";
import { checkSandboxSpace } from "./build/rewrite-space.ts";
import type { ConvertTuning } from "./build/tuning.ts";
import { type BaseTrust, verifyLocalImage } from "./build/verify-local-image.ts";
import { writeSandbox } from "./build/write-sandbox.ts";
import { withLocalImage } from "./image/local-image.ts";
import type { ImageSource } from "./oci/image.ts";

/** Where a sandbox comes from: an image source, which stays open, or the path of an image on this machine. */
export type SandboxSource = { readonly source: ImageSource } | { readonly path: string };

/** What becomes a sandbox, and where. */
export interface BuildSandboxOptions
  extends Pick<ConvertTuning, "allRoot" | "fixPermissions" | "ignoreSpace">,
    BaseTrust,
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
  const target = { directory, overwrite, signal, onProgress };
  // It is made beside its final name.
  const place = dirname(resolve(directory));
  const room = { directory: place, compression: "none", ignore: options.ignoreSpace ?? false } as const;
  const { fileCount, size } =
    "source" in from
      ? await writeSandbox(
          () => openOciContainer(from.source, { ...options, signal, onProgress, space: room, withMetadata: false }),
          target,
        )
      : await withLocalImage(from.path, (image) =>
          writeSandbox(async () => {
            await verifyLocalImage(image, [], { ...options, signal, onProgress });
            await checkSandboxSpace(image, { directory: place, ignore: options.ignoreSpace, signal, onProgress });
            return openLocalContainer(image, options);
          }, target),
        );
  onProgress({ kind: "done", fileCount, size });
  return { fileCount };
}
