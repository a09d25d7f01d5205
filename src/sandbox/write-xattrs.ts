import type { ByteString } from "../bytes/byte-string.ts";
import type { InodeId } from "../fstree/inodes.ts";
import type { FsTree } from "../fstree/tree.ts";
import type { OnProgress } from "../progress.ts";
import { runTool } from "./run-tool.ts";
import { formatXattrs } from "./xattr-dump.ts";

export interface Attributed {
  readonly path: ByteString;
  readonly inode: InodeId;
  readonly tree: FsTree;
}

/**
 * Gives files their extended attributes: Node cannot, so setfattr does, all in one run. What the file system or
 * missing privileges refuse is told in one warning.
 */
export async function writeXattrs(
  directory: string,
  files: Iterable<Attributed>,
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: OnProgress },
): Promise<void> {
  const lines: ByteString[] = [];
  for (const { path, inode, tree } of files)
    lines.push(formatXattrs(path === "" ? "." : `./${path}`, tree.inodes.xattrsOf(tree.inodes.xattrSet(inode))));
  if (lines.length === 0) return;
  const warn = (message: string) => onProgress?.({ kind: "warning", message });
  const result = await runTool("setfattr", ["-h", "--restore=-"], {
    cwd: directory,
    stdin: Buffer.from(lines.join(""), "latin1"),
    ...(signal === undefined ? {} : { signal }),
  });
  signal?.throwIfAborted();
  if (result === undefined) {
    warn(
      `Extended attributes of ${lines.length} files are not kept (capabilities among them): setfattr is not installed (package attr)`,
    );
    return;
  }
  if (result.code === 0) return;
  const troubles = result.stderr.split("\n").filter((line) => line !== "");
  warn(`${troubles.length} extended attributes could not be set, the first: ${troubles[0] ?? "setfattr failed"}`);
}
