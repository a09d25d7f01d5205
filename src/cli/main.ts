#!/usr/bin/env node
import { run } from "./run.ts";
import { trapSignals } from "./signals.ts";

// Whoever reads the messages or the help may stop reading; the run goes on. A sink hears of its own output.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

process.exitCode = await run(process.argv.slice(2), {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: trapSignals(process),
});
// A write to a reader that has stopped reading may still be under way; a failed run does not wait for it.
if (process.exitCode !== 0) process.exit();
