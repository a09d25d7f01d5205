import { expect } from "vitest";
import { runCommand } from "./command.ts";
import { SIFON_MAIN } from "./sifon.ts";

const MIB = 2 ** 20;
/** In all, with Node's own 40 MiB. The most that was measured of these is 91 MiB, however busy the machine. */
const ALLOWED = 100 * MIB;
/** Far more than the second that it takes on an idle machine; an endless loop takes longer. */
const HANGS_MS = 100_000;

// The kernel's own count of the largest resident set, told by the process as it ends. (Not getrusage's: that one
// begins with what the parent held when it forked.)
const TELL_PEAK = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync } from "node:fs";
  process.on("exit", () => process._rawDebug(/VmHWM:.*/.exec(readFileSync("/proc/self/status", "latin1"))[0]));
`)}`;

/** Runs a command in a process of its own, which must answer, or refuse in one line, within the memory. */
export async function expectModest(folder: string, command: string): Promise<{ code: number; stderr: string }> {
  const args = command.split(" ");
  const { code, stderr } = await runCommand(process.execPath, ["--import", TELL_PEAK, "--", SIFON_MAIN, ...args], {
    cwd: folder,
    env: { HOME: folder },
    signal: AbortSignal.timeout(HANGS_MS),
  });
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(stderr)?.[1]) * 1024;
  const what = `${args.join(" ")}: ${stderr}`;
  expect([0, 1, 2, 255], what).toContain(code);
  const refusals = stderr.split("\n").filter((line) => /^(FATAL|ERROR|Error)/.test(line));
  expect(refusals, what).toHaveLength(code === 0 ? 0 : 1);
  expect(stderr, what).not.toMatch(/INTERNAL|call stack|out of memory|^ +at /m);
  // Less than Node alone would be a count gone wrong.
  expect(peak, what).toBeGreaterThan(20 * MIB);
  expect(peak, what).toBeLessThan(ALLOWED);
  return { code, stderr };
}
