import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { EngineError } from "./errors.ts";
import { endLeftovers } from "./leftovers.ts";
import { endWithUs } from "./outlive.ts";
import type { ProgramEnd } from "./plan.ts";
import type { ProgramStreams, RunningProgram } from "./session.ts";

/** Between the request to end and the end by force. */
const GRACE_MS = 5000;

/** How a program is started. */
export interface Start {
  readonly argv: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly umask?: number;
  /** What goes to descriptor 3 and up. */
  readonly inputs?: readonly Uint8Array[];
  /** The program is bubblewrap: it reports on the descriptor behind the inputs, and starts when the one after that ends. */
  readonly reports?: boolean;
  /** The program in bubblewrap is in a PID namespace: below bubblewrap's own first process. */
  readonly isBelowInit?: boolean;
  /** As an error names it. */
  readonly name: string;
}

/** Starts a program, its streams connected as asked. */
export function startProgram(start: Start, streams: ProgramStreams = {}): RunningProgram {
  const inputs = start.inputs ?? [];
  const report = start.reports ? 3 + inputs.length : undefined;
  const child = withUmask(start.umask, () =>
    spawn(start.argv[0]!, start.argv.slice(1), {
      env: start.environment,
      stdio: [
        ...threeStreams(streams.stdio),
        ...inputs.map(() => "pipe" as const),
        ...(report === undefined ? [] : ["pipe" as const, "pipe" as const]),
      ],
    }),
  );
  const extra = child.stdio as (Readable | Writable | null)[];
  inputs.forEach((content, index) => {
    const pipe = extra[3 + index] as Writable;
    // A program that ends early breaks the pipe; its exit code tells.
    pipe.on("error", () => {});
    pipe.end(content);
  });
  const reported =
    report === undefined
      ? undefined
      : followReport(extra[report] as Readable, extra[report + 1] as Writable, start.isBelowInit === true);
  const { signal } = streams;
  let force: NodeJS.Timeout | undefined;
  const waiting: NodeJS.Signals[] = [];

  function kill(name: NodeJS.Signals): void {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const pid = reported === undefined ? child.pid : programPid(reported.childPid, start.isBelowInit === true);
    if (pid === undefined) waiting.push(name);
    else sendSignal(pid, name);
  }
  const end = () => {
    kill("SIGTERM");
    force ??= setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  };
  reported?.onChild(() => waiting.splice(0).forEach(kill));
  signal?.addEventListener("abort", end);
  if (signal?.aborted) end();

  // What it left running in the background holds its pipes open, and has lost the image: it ends, too.
  const leftovers = async () => {
    const held = reported?.mountNamespace;
    if (held === undefined) return;
    try {
      await endLeftovers(held.number);
    } finally {
      closeSync(held.descriptor);
      await reported?.release?.();
    }
  };
  const ended = endOf(child, start.name, leftovers).finally(() => {
    clearTimeout(force);
    signal?.removeEventListener("abort", end);
  });
  // Whoever does not wait for the end must not be ended by it.
  ended.catch(() => {});
  return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, ended, kill };
}

function endOf(child: ChildProcess, program: string, leftovers: () => Promise<void>): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    let cleared: Promise<void> | undefined;
    child.once("exit", () => {
      cleared = leftovers();
      cleared.catch(() => {});
    });
    child.once("error", (cause: NodeJS.ErrnoException) => {
      reject(new EngineError("START_FAILED", { program, seen: cause.message, cause }));
    });
    child.once("close", (code, signal) => {
      const end: ProgramEnd = signal !== null ? { kind: "signal", signal } : endOfCode(code ?? 1);
      Promise.resolve(cleared).then(() => resolve(end), reject);
    });
  });
}

/** bubblewrap, like shells, ends with 128 + n where its program was ended by the signal n. */
function endOfCode(code: number): ProgramEnd {
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
  return signal === undefined ? { kind: "exit", code } : { kind: "signal", signal: signal as NodeJS.Signals };
}

interface Report {
  childPid: number | undefined;
  /** Held open: as soon as a namespace is gone, the kernel gives its number to the next one, of whomever. */
  mountNamespace: { readonly number: number; readonly descriptor: number } | undefined;
  /** Set where a shell waits to end what is in the namespace. */
  release: (() => Promise<void>) | undefined;
  onChild(listener: () => void): void;
}

/** Reads bubblewrap's JSON lines: the first one tells its child and that one's namespaces. Then lets it start. */
function followReport(stream: Readable, block: Writable, isBelowInit: boolean): Report {
  let listener = () => {};
  const report: Report = {
    ...{ childPid: undefined, mountNamespace: undefined, release: undefined },
    onChild: (act) => {
      listener = act;
    },
  };
  let text = "";
  stream.setEncoding("latin1");
  for (const end of [stream, block]) end.on("error", () => {});
  stream.on("data", (chunk: string) => {
    text += chunk;
    const told = /"child-pid": *(\d+)/.exec(text)?.[1];
    if (report.childPid !== undefined || told === undefined || !text.includes("\n")) return;
    report.childPid = Number(told);
    const namespace = /"mnt-namespace": *(\d+)/.exec(text)?.[1];
    if (namespace !== undefined) report.mountNamespace = holdNamespace(report.childPid, Number(namespace));
    // A PID namespace ends with its first process, and that one with bubblewrap.
    if (report.mountNamespace !== undefined && !isBelowInit)
      report.release = endWithUs(report.mountNamespace.descriptor);
    block.end("\n");
    listener();
  });
  return report;
}

function holdNamespace(pid: number, number: number): Report["mountNamespace"] {
  try {
    return { number, descriptor: openSync(`/proc/${pid}/ns/mnt`, "r") };
  } catch {
    // bubblewrap has been ended before it started anything.
    return undefined;
  }
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

function sendSignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has just ended, or it has become another user whom this one may not signal.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
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
