import { open } from "node:fs/promises";
import { openFileAccess } from "../bytes/random-access.ts";
import type { OnProgress } from "../progress.ts";
import { InPlaceSink } from "../sink/in-place-sink.ts";
import { SquashfsImage } from "../squashfs/reader/image.ts";
import { SquashfsWriter } from "../squashfs/writer.ts";
import { withEncoder } from "./encoding.ts";
import { fillLayered, type UpperLayer } from "./layered-root.ts";
import type { RootFacts, RootSource } from "./root.ts";
import { squashfsTarget } from "./squashfs-target.ts";
import type { ImageForm } from "./stage.ts";

/** A root on disk between two steps of a build: a bare SquashFS file. */
export interface StageImage {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly facts: RootFacts;
}

/**
 * Writes a root to a file that is there for this build only; it is not synchronised.
 * @throws what the root, the writer or the file throw; the file may be left incomplete then
 */
export async function writeStageImage(
  root: Pick<RootSource, "facts" | "fill">,
  path: string,
  {
    form,
    signal,
    onProgress,
  }: { readonly form: ImageForm; readonly signal: AbortSignal; readonly onProgress: OnProgress },
): Promise<StageImage> {
  const file = await open(path, "wx", 0o600);
  try {
    const sink = new InPlaceSink(file.fd, { path });
    const { size } = await withEncoder(form, async (encoder) => {
      const squashfs = new SquashfsWriter({ ...encoder, sink, signal, onProgress });
      const { tree } = await root.fill(squashfsTarget(squashfs, form, { signal, onProgress }));
      return squashfs.finish(tree, { mtimeSec: root.facts.timeSec });
    });
    await sink.finish();
    return { path, size, facts: root.facts };
  } finally {
    await file.close();
  }
}

/** A stage's image as a root, with what was written on top of it. */
export function stageImageRoot(
  { path, facts }: StageImage,
  upper?: { open(): UpperLayer; close(): Promise<void> },
): RootSource {
  return {
    facts,
    async fill(target) {
      const access = await openFileAccess(path);
      try {
        return await fillLayered(await SquashfsImage.open(access), upper?.open(), target);
      } finally {
        await access.close();
      }
    },
    close: async () => upper?.close(),
  };
}
