import type { FileTransfer, Stage } from "../../deffile/definition.ts";
import { FsTree } from "../../fstree/tree.ts";
import { HostCopy, hostLister } from "../files/copy-from-host.ts";
import { expandWords } from "../files/expand-words.ts";
import { expandGlob } from "../files/glob.ts";
import { ContentDigests } from "./content-digests.ts";

/** The paths that the lines of %files and %appfiles stand for now, and a digest of what is copied from each. */
export type CopiedFiles = readonly (readonly [path: string, digest: string])[];

/**
 * Looks at the files of the host that a stage copies, as they will be copied.
 * @returns undefined where they cannot be: the copy itself will say why
 */
export async function copiedFiles(
  stage: Pick<Stage, "files" | "apps">,
  { environment, signal }: { readonly environment: NodeJS.ProcessEnv; readonly signal: AbortSignal },
): Promise<CopiedFiles | undefined> {
  const ofHost = stage.files.filter(({ from }) => from === undefined).flatMap(({ transfers }) => transfers);
  const transfers: readonly FileTransfer[] = [...ofHost, ...stage.apps.flatMap(({ files }) => files)];
  const found: (readonly [string, string])[] = [];
  try {
    for (const { source } of transfers) {
      for (const word of expandWords(source, environment)) {
        for (const path of await expandGlob(word, hostLister)) {
          const digests = new ContentDigests();
          const root = { tree: new FsTree(), texts: new Map<number, Uint8Array>() };
          const target = { contents: digests.contents, signal, onProgress() {} };
          await new HostCopy(root, target, 0).copy(path, "/copy");
          found.push([path, digests.ofTree(root.tree)]);
        }
      }
    }
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
  return found;
}
