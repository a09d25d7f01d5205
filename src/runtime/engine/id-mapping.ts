import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Host, TOOL_PACKAGES } from "./host.ts";
import { requireTool } from "./session-script.ts";

const runFile = promisify(execFile);

/** What keeps the caller's subordinate ids from being mapped, as far as files tell; undefined where nothing does. */
export function subordinateProblem({ tools, subordinateUids, subordinateGids }: Host): string | undefined {
  const missing = (["newuidmap", "newgidmap"] as const).filter((tool) => tools[tool] === undefined);
  if (missing.length > 0) return `${missing.join(" and ")} not found; Debian's package is ${TOOL_PACKAGES.newuidmap}`;
  const files = [
    ...(subordinateUids === undefined ? ["/etc/subuid"] : []),
    ...(subordinateGids === undefined ? ["/etc/subgid"] : []),
  ];
  return files.length === 0
    ? undefined
    : `no range of yours in ${files.join(" and ")}; the administrator can add one (usermod --add-subuids, --add-subgids)`;
}

/**
 * Writes the id maps of a process in a new user namespace: the caller is 0, its subordinate ids are 1 and up.
 * @throws Error with the words of newuidmap or newgidmap
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
        throw new Error((cause.stderr || cause.message).trim(), { cause });
      },
    );
  }
}
