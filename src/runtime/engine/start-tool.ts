import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { startFailure } from "./start-failure.ts";

/**
 * Starts a program of the host, and waits until that is done.
 * @throws EngineError TOOL_UNUSABLE, LIMIT_REACHED
 */
export async function startTool(argv: readonly string[], options: SpawnOptions): Promise<ChildProcess> {
  const [program, ...words] = argv as [string, ...string[]];
  const child = spawn(program, words, options);
  // Without a process there may be no streams, either (EMFILE): nothing may be done with them before this is known.
  if (child.pid === undefined) throw startFailure(program, (await once(child, "error"))[0] as Error);
  return child;
}
