import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";

export interface ToolResult {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Runs one of the system's small tools to its end; undefined where it is not installed. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd: string;
    /** What it reads, or the file descriptor that it gets. */
    readonly stdin?: Uint8Array | number;
    readonly signal?: AbortSignal;
  },
): Promise<ToolResult | undefined> {
  const { cwd, stdin, signal } = options;
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, LC_ALL: "C" },
    stdio: [typeof stdin === "number" ? stdin : "pipe", "pipe", "pipe"],
    ...(signal === undefined ? {} : { signal }),
  });
  const ended = new Promise<number | null | undefined>((resolve, reject) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "EACCES") resolve(undefined);
      else reject(signal?.aborted && signal.reason instanceof Error ? signal.reason : error);
    });
    child.once("close", (code) => resolve(code));
  });
  // A tool that ends early breaks the pipe; its exit code tells.
  child.stdin?.on("error", () => {});
  if (typeof stdin !== "number") child.stdin?.end(stdin);
  const [code, stdout, stderr] = await Promise.all([
    ended,
    buffer(child.stdout as Readable).catch(() => Buffer.alloc(0)),
    buffer(child.stderr as Readable).catch(() => Buffer.alloc(0)),
  ]);
  return code === undefined ? undefined : { code, stdout, stderr: stderr.toString("utf8") };
}
