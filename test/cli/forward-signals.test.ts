import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { forwardSignals } from "../../src/cli/forward-signals.ts";

const SIGNALS = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH"] as const;

/** The test runner's own listeners, which forwarding takes away. */
let own: (readonly [NodeJS.Signals, NodeJS.SignalsListener[]])[] = [];
beforeEach(() => {
  own = SIGNALS.map((name) => [name, process.rawListeners(name) as NodeJS.SignalsListener[]]);
});
afterEach(() => {
  for (const [name, listeners] of own) {
    process.removeAllListeners(name);
    for (const listener of listeners) process.on(name, listener);
  }
});

it.each(["SIGTERM", "SIGHUP"] as const)("a %s that came just before is sent on, and traps no more", async (name) => {
  const trapped: string[] = [];
  const sent: string[] = [];
  process.once(name, () => trapped.push(name));
  // The signal has come when this returns, but no listener has heard of it.
  process.kill(process.pid, name);
  const streams = { stdin: null, stdout: null, stderr: null };
  const ended = Promise.resolve({ kind: "exit" as const, code: 0 });
  const stop = forwardSignals(process, { ...streams, ended, kill: (signal) => sent.push(signal) });
  for (let i = 0; i < 500 && sent.length + trapped.length === 0; i++) await wait(10);
  stop();
  expect({ sent, trapped }).toEqual({ sent: [name], trapped: [] });
});
