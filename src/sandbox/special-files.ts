import type { ByteString } from "../bytes/byte-string.ts";
import { runTool, type ToolResult } from "./run-tool.ts";

/** A device or FIFO that is to be made. */
export interface SpecialFile {
  /** Relative to the sandbox. */
  readonly path: ByteString;
  readonly device: { readonly kind: "b" | "c"; readonly major: number; readonly minor: number } | undefined;
}

/**
 * Makes devices and FIFOs, mode 0600. Node has no mknod(2), so mknod(1) does it, many in one run of xargs.
 * Gives what went wrong, a line each; the caller looks which ones are there.
 */
export async function makeSpecialFiles(
  directory: string,
  files: readonly SpecialFile[],
  signal?: AbortSignal,
): Promise<string[]> {
  const devices = files.filter(({ device }) => device !== undefined);
  const fifos = files.filter(({ device }) => device === undefined);
  const run = (args: readonly string[], words: readonly string[]): Promise<ToolResult | undefined> =>
    runTool("xargs", ["-0", ...args], {
      cwd: directory,
      stdin: Buffer.from(words.map((word) => `${word}\0`).join(""), "latin1"),
      ...(signal === undefined ? {} : { signal }),
    });
  const results: (ToolResult | undefined)[] = [];
  if (fifos.length > 0)
    results.push(
      await run(
        ["mkfifo", "-m", "600", "--"],
        fifos.map(({ path }) => `./${path}`),
      ),
    );
  if (devices.length > 0) {
    const words = devices.flatMap(({ path, device }) => [
      `./${path}`,
      device?.kind ?? "c",
      String(device?.major ?? 0),
      String(device?.minor ?? 0),
    ]);
    results.push(await run(["-n", "4", "mknod", "-m", "600", "--"], words));
  }
  return results.flatMap((result) =>
    result === undefined ? ["xargs is not installed"] : result.stderr.split("\n").filter((line) => line !== ""),
  );
}
