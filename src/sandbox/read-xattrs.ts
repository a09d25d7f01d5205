import type { ByteString } from "../bytes/byte-string.ts";
import type { Xattr } from "../bytes/file-body.ts";
import type { OnProgress } from "../progress.ts";
import { runTool } from "./run-tool.ts";
import { parseXattrDump } from "./xattr-dump.ts";

/** All there is, below the folder at hand, symbolic links not followed, values in hexadecimal. */
const ARGUMENTS = ["-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", "--absolute-names", "."];

/**
 * Extended attributes of a directory and all below it, by path. Node cannot read them, so getfattr does, once for
 * the whole tree; where it is missing there are none, after a warning.
 */
export async function readXattrs(
  directory: string,
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: OnProgress },
): Promise<Map<ByteString, Xattr[]>> {
  const result = await runTool("getfattr", ARGUMENTS, { cwd: directory, ...(signal === undefined ? {} : { signal }) });
  signal?.throwIfAborted();
  if (result === undefined) {
    const message = `Extended attributes in ${directory} are not read (capabilities of programs among them): getfattr is not installed (package attr)`;
    onProgress?.({ kind: "warning", message });
    return new Map();
  }
  const found = new Map<ByteString, Xattr[]>();
  for (const [path, xattrs] of parseXattrDump(result.stdout.toString("latin1"))) {
    // SquashFS has no access lists; modes say what they can of them.
    const kept = xattrs.filter(({ name }) => !name.startsWith("system."));
    if (kept.length > 0) found.set(path === "." ? "" : path.replace(/^\.\//, ""), kept);
  }
  return found;
}
