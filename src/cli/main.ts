#!/usr/bin/env node
import { run } from "./run.ts";
import { trapSignals } from "./signals.ts";

process.exitCode = await run(process.argv.slice(2), {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: trapSignals(process),
});
