import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { FIRST_INPUT, giveInputs } from "./bubblewrap-inputs.ts";
import { guardNamespace, onReportedChild, type ReportedChild } from "./child-report.ts";
import type { ProgramEnd } from "./plan.ts";
import { sendSignal } from "./send-signal.ts";
import type { ProgramStreams, RunningProgram } from "./session.ts";
import { startFailure } from "./start-failure.ts";

/** Between the request to end and the end by force. */
const GRACE_MS = 5000;

/** How a program is started. */
export interface Start {
  readonly argv: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** This process's own unless said. */
  readonly cwd?: string;
  readonly umask?: number;
  /** What goes to descriptor 3 and up. */
  readonly inputs?: readonly Uint8Array[];
  /** The program is bubblewrap: it reports on the descriptor behind the inputs, and starts when the one after that ends. */
  readonly reports?: boolean;
  /** The program is the one child of what is started, or of what bubblewrap reports: the first process of a PID namespace. */
  readonly isBelowInit?: boolean;
  /** Awaited when the program has ended, before anybody hears of that. */
  readonly onEnd?: () => Promise<void>;
}

/** Starts a program, its streams connected as asked. */
export function startProgram(start: Start, streams: ProgramStreams = {}): RunningProgram {
  const inputs = start.inputs ?? [];
  const report = start.reports ? FIRST_INPUT + inputs.length : undefined;
  const child = withUmask(start.umask, () =>
    spawn(start.argv[0]!, start.argv.slice(1), {
      ...(start.cwd === undefined ? {} : { cwd: start.cwd }),
      env: start.environment,
      stdio: [
        ...threeStreams(streams.stdio),
        ...inputs.map(() => "pipe" as const),
        ...(report === undefined ? [] : ["pipe" as const, "pipe" as const]),
      ],
    }),
  );
  // There are none where no process was made (EMFILE).
  const extra = (child.stdio ?? []) as (Readable | Writable | null)[];
  giveInputs(extra, inputs);
  let told: ReportedChild | undefined;
  let onEnd = start.onEnd ?? (async () => {});
  if (report !== undefined && child.pid !== undefined) {
    const block = extra[report + 1] as Writable;
    block.on("error", () => {});
    onReportedChild(extra[report] as Readable, (reported) => {
      told = reported;
      if (reported.mountNamespace !== undefined)
        onEnd = guardNamespace(reported.mountNamespace, { isKept: start.isBelowInit === true });
      block.end("\n");
      waiting.splice(0).forEach(kill);
    });
  }
  const { signal } = streams;
  let force: NodeJS.Timeout | undefined;
  const waiting: NodeJS.Signals[] = [];

  function kill(name: NodeJS.Signals): void {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const pid = programPid(report === undefined ? child.pid : told?.pid, start.isBelowInit === true);
    if (pid === undefined) waiting.push(name);
    else sendSignal(pid, name);
  }
  const end = () => {
    kill("SIGTERM");
    force ??= setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  };
  signal?.addEventListener("abort", end);
  if (signal?.aborted) end();

  const ended = endOf(child, start, () => onEnd()).finally(() => {
    clearTimeout(force);
    signal?.removeEventListener("abort", end);
  });
  // Whoever does not wait for the end must not be ended by it.
  ended.catch(() => {});
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended, kill };
}

function endOf(child: ChildProcess, { reports }: Start, onEnd: () => Promise<void>): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    let cleared: Promise<void> | undefined;
    child.once("exit", () => {
      cleared = onEnd();
      cleared.catch(() => {});
    });
    child.once("error", (cause) => {
      cleared ??= onEnd();
      const fail = () => reject(startFailure(child.spawnfile, cause));
      cleared.then(fail, fail);
    });
    child.once("close", (code, signal) => {
      // Of one that did not start, Node tells the system's error as a code below 0.
      if (code !== null && code < 0) return;
      const end: ProgramEnd = signal !== null ? { kind: "signal", signal } : endOfCode(code ?? 1, reports === true);
      Promise.resolve(cleared).then(() => resolve(end), reject);
    });
  });
}

/** bubblewrap, like shells, ends with 128 + n where its program was ended by the signal n. */
function endOfCode(code: number, isOfBubblewrap: boolean): ProgramEnd {
  if (!isOfBubblewrap) return { kind: "exit", code };
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
  return signal === undefined ? { kind: "exit", code } : { kind: "signal", signal: signal as NodeJS.Signals };
}

/** Below an init of bubblewrap's there is one process, the program; before it is started there is none. */
function programPid(child: number | undefined, isBelowInit: boolean): number | undefined {
  if (child === undefined || !isBelowInit) return child;
  try {
    const first = readFileSync(`/proc/${child}/task/${child}/children`, "latin1").split(" ")[0];
    return first ? Number(first) : child;
  } catch {
    return child;
  }
}

/** The umask that a child inherits, set for the moment in which it is made. */
function withUmask<T>(umask: number | undefined, act: () => T): T {
  if (umask === undefined) return act();
  const former = process.umask(umask);
  try {
    return act();
  } finally {
    process.umask(former);
  }
}

function threeStreams(stdio: StdioOptions = "inherit"): ("pipe" | "inherit" | "ignore" | number)[] {
  const three = typeof stdio === "string" ? [stdio, stdio, stdio] : stdio;
  return [0, 1, 2].map((index) => (three[index] ?? "inherit") as "pipe" | "inherit" | "ignore" | number);
}
