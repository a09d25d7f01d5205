import { displayBytes, toByteString } from "../../bytes/byte-string.ts";
import type { DefinitionFile, FileTransfer, Stage } from "../../deffile/definition.ts";
import { SifonError } from "../../errors.ts";
import { SquashfsImage } from "../../squashfs/reader/image.ts";
import { BuildError } from "../errors.ts";
import type { RootStep } from "../root.ts";
import type { StageFiles } from "../stage-image.ts";
import { HostCopy, hostLister } from "./copy-from-host.ts";
import { imageLister, StageCopy } from "./copy-from-stage.ts";
import { expandWords } from "./expand-words.ts";
import { expandGlob } from "./glob.ts";

export interface CopyOptions {
  readonly definition: DefinitionFile;
  readonly environment: NodeJS.ProcessEnv;
  /** Where in the container a destination is; itself by default. */
  readonly into?: (destination: string) => string;
}

/** %files of the host: relative sources are looked for in the current directory. */
export function hostFilesStep(stage: Stage, options: CopyOptions): RootStep {
  const transfers = stage.files.filter(({ from }) => from === undefined).flatMap((group) => group.transfers);
  return copyTransfers(transfers, options);
}

/** Copies files of the host. A source without a destination keeps its path. */
export function copyTransfers(
  transfers: readonly FileTransfer[],
  { definition, environment, into = (destination) => destination }: CopyOptions,
): RootStep {
  return async (root, target, { timeSec }) => {
    const copy = new HostCopy(root, target, timeSec);
    for (const transfer of transfers) {
      const { source, destination } = transfer;
      target.onProgress({ kind: "step", message: `Copying ${source} to ${into(destination)}` });
      await guard(definition, transfer, undefined, async () => {
        for (const word of expandWords(source, environment)) {
          for (const path of await expandGlob(word, hostLister)) {
            await copy.copy(path, toByteString(into(destination === "" ? displayBytes(path) : destination)));
          }
        }
      });
    }
  };
}

/** %files from earlier stages, which lie as images on disk. */
export function stageFilesStep(
  stage: Stage,
  { definition, environment, stages }: CopyOptions & { readonly stages: ReadonlyMap<string, StageFiles> },
): RootStep {
  return async (root, target, { timeSec }) => {
    for (const { from, transfers } of stage.files) {
      const image = from === undefined ? undefined : stages.get(from);
      if (from === undefined || image === undefined) continue;
      const access = await image.open();
      try {
        const squashfs = await SquashfsImage.open(access);
        const copy = new StageCopy(squashfs, root, target, timeSec);
        const lister = imageLister(squashfs);
        for (const transfer of transfers) {
          const { source, destination } = transfer;
          target.onProgress({ kind: "step", message: `Copying ${source} to ${destination}` });
          await guard(definition, transfer, from, async () => {
            for (const word of expandWords(source, environment)) {
              for (const path of await expandGlob(`/${word}`, lister)) {
                await copy.copy(path, destination === "" ? path : toByteString(destination));
              }
            }
          });
        }
      } finally {
        await access.close();
      }
    }
  };
}

/** Says of what a copy stumbles over which line asked for it; what the target says stands for itself. */
async function guard(
  { name }: DefinitionFile,
  { source, destination, line }: FileTransfer,
  stage: string | undefined,
  copy: () => Promise<void>,
): Promise<void> {
  try {
    await copy();
  } catch (cause) {
    const isOfCopy = cause instanceof BuildError || (cause instanceof Error && !(cause instanceof SifonError));
    const isOfPlace = cause instanceof SifonError && cause.code === "NOT_A_DIRECTORY";
    if (!isOfCopy && !isOfPlace) throw cause;
    throw new BuildError("COPY_FAILED", { name, line, source, destination, stage, cause });
  }
}
