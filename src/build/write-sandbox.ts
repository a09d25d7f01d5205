import { SandboxWriter } from "../sandbox/sandbox-writer.ts";
import type { ContainerSource, Watch } from "./container-source.ts";

export interface WriteSandboxOptions extends Watch {
  /** Appears when it is whole. */
  readonly directory: string;
  /** Replace what has that name. */
  readonly overwrite: boolean;
}

/**
 * Writes a container as a plain directory, or leaves nothing behind.
 * @param open is asked for the container once there is a place for it
 */
export async function writeSandbox(
  open: () => Promise<ContainerSource>,
  { directory, overwrite, signal, onProgress }: WriteSandboxOptions,
): Promise<{ readonly fileCount: number; readonly size: 0 }> {
  const writer = await SandboxWriter.open(directory, { overwrite, signal, onProgress });
  try {
    const { tree } = await (await open()).fill({ contents: writer.contents, signal, onProgress });
    onProgress({ kind: "stage", stage: "tables" });
    const { inodeCount } = await writer.finish(tree);
    return { fileCount: inodeCount, size: 0 };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
