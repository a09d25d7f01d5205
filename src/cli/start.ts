import { writeSync } from "node:fs";

/** Runs a command line as this process: its streams, its signals, its exit code. */
export async function start(argv: readonly string[]): Promise<void> {
  // Nothing is left to wait for and the run is not over: that must not pass for success. Node's own code for it.
  const stalled = () => process.exit(13);
  process.once("beforeExit", stalled);
  const { tooLowLimit } = await import("./process-limits.ts");
  const problem = tooLowLimit();
  if (problem !== undefined) {
    // Not through the stream, which takes threads and files of its own.
    writeSync(2, `FATAL:   Cannot run: ${problem}\n`);
    process.exit(255);
  }
  try {
    process.cwd();
  } catch {
    (await import("./missing-folder.ts")).explainMissingFolder(process);
  }
  const { isAction } = await import("./action-names.ts");
  // Before the rest is loaded, which takes memory, too. What only starts a container starts faster without.
  if (!isAction(argv)) (await import("./heap.ts")).spareMemory();
  const { run } = await import("./run.ts");
  const { endBySignal, trapSignals } = await import("./signals.ts");
  const { ExitCode } = await import("./exit.ts");

  // Whoever reads the messages or the help may stop reading; the run goes on. A sink hears of its own output.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

  // A password among the arguments shows in the list of processes for as long as they stand there.
  if (argv.some((word) => /^(?:--docker-password|--password|-[pP])/.test(word))) process.title = "sifon";

  const end = await run(argv, {
    environment: process.env,
    // Looked at when it is read from: a program of a container may want it untouched.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    signal: trapSignals(process),
  });
  process.off("beforeExit", stalled);
  if (typeof end === "string") endBySignal(process, end);
  process.exitCode = typeof end === "string" ? ExitCode.fatal : end;
  // A write to a reader that has stopped reading may still be under way; a failed run does not wait for it.
  if (process.exitCode !== 0) process.exit();
}
