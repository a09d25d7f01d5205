import { readFileSync } from "node:fs";
import type { RunningProgram } from "../runtime.ts";

const FORWARDED = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;
/** What a terminal sends to all processes in its foreground, the program among them. */
const OF_TERMINAL: ReadonlySet<string> = new Set(["SIGINT", "SIGQUIT", "SIGWINCH"]);

/**
 * From now on this process lives as long as the program: what is sent to it, is sent on. Gives a function that ends
 * that.
 */
export function forwardSignals(target: NodeJS.Process, program: RunningProgram): () => void {
  const listeners = FORWARDED.map((name) => {
    const former = target.listeners(name) as NodeJS.SignalsListener[];
    const listener = () => {
      // A second Ctrl-C for one that was typed would look impatient to the program.
      if (OF_TERMINAL.has(name) && isInForeground()) return;
      program.kill(name);
    };
    target.on(name, listener);
    // Only now: with its last listener Node forgets a signal that has come and is not told of yet.
    for (const one of former) target.off(name, one);
    return [name, listener] as const;
  });
  return () => {
    for (const [name, listener] of listeners) target.off(name, listener);
  };
}

/** Whether this process belongs to the foreground of its terminal: proc(5), fields pgrp and tpgid of stat. */
function isInForeground(): boolean {
  try {
    const fields = readFileSync("/proc/self/stat", "latin1")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[2] === fields[5];
  } catch {
    return false;
  }
}
