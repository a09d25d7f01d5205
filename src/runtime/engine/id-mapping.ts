import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { EngineError } from "./errors.ts";
import type { Host } from "./host.ts";
import { requireTool } from "./session-script.ts";

const runFile = promisify(execFile);

/**
 * Writes the id maps of a process in a new user namespace: the caller is 0, its subordinate ids are 1 and up.
 * @throws EngineError TOOL_MISSING, NAMESPACES_REFUSED
 */
export async function mapSubordinateIds(pid: number, host: Host): Promise<void> {
  const uids = host.subordinateUids!;
  const gids = host.subordinateGids!;
  const purpose = "it maps subordinate ids";
  const own = (id: number, { first, count }: typeof uids) => ["0", id, "1", "1", first, count].map(String);
  for (const [tool, words] of [
    ["newuidmap", own(host.uid, uids)],
    ["newgidmap", own(host.gid, gids)],
  ] as const) {
    await runFile(requireTool(host, tool, purpose), [String(pid), ...words]).catch(
      (cause: Error & { stderr?: string }) => {
        throw new EngineError("NAMESPACES_REFUSED", {
          uid: host.uid,
          seen: (cause.stderr || cause.message).trim(),
          cause,
        });
      },
    );
  }
}
