import { resolve } from "node:path";
import { RuntimeError } from "../errors.ts";

/**
 * `--home SRC[:DST]`: the directory that is mounted, and where; both the same where only one is given.
 * @throws RuntimeError OPTION_INVALID with Apptainer's words
 */
export function parseHome(text: string, cwd: string): { readonly source: string; readonly target: string } {
  const fields = text.split(":");
  const [source = "", target = source] = fields;
  if (fields.length > 2) {
    const problem = `While setting home directory: home argument has incorrect number of elements: ${fields.length}`;
    throw new RuntimeError("OPTION_INVALID", { problem });
  }
  if (!target.startsWith("/")) {
    const problem = `container creation failed: failed to add ${resolve(cwd, source)} as session directory: path ${target || "."} is not an absolute path`;
    throw new RuntimeError("OPTION_INVALID", { problem });
  }
  return { source: resolve(cwd, source), target };
}
