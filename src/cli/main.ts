#!/usr/bin/env node
import { spareMemory } from "./heap.ts";

spareMemory();
// Only now: loading the rest takes memory, too.
const { run } = await import("./run.ts");
const { trapSignals } = await import("./signals.ts");

// Whoever reads the messages or the help may stop reading; the run goes on. A sink hears of its own output.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

// A password among the arguments shows in the list of processes for as long as they stand there.
const argv = process.argv.slice(2);
if (argv.some((word) => /^(?:--docker-password|--password|-[pP])/.test(word))) process.title = "sifon";

process.exitCode = await run(argv, {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: trapSignals(process),
});
// A write to a reader that has stopped reading may still be under way; a failed run does not wait for it.
if (process.exitCode !== 0) process.exit();
