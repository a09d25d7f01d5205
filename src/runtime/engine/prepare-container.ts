import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { awaitSetup } from "./await-setup.ts";
import { bubblewrapInputs, descriptorOptions, FIRST_INPUT, giveInputs } from "./bubblewrap-inputs.ts";
import { guardNamespace, onReportedChild, type ReportedChild } from "./child-report.ts";
import { EngineError } from "./errors.ts";
import type { ProgramOptions } from "./program-options.ts";
import { sendSignal } from "./send-signal.ts";
import { limitIn } from "./start-failure.ts";
import { startTool } from "./start-tool.ts";

/** A container that is set up, and in which no program runs yet. */
export interface PreparedContainer {
  /** The process that holds its namespaces, as the host counts. */
  readonly pid: number;
  /** Ends all that runs in it. Never rejects. */
  close(): Promise<void>;
}

/** How bubblewrap is started. */
export interface ContainerStart {
  /** bubblewrap, and in front of it what enters the session. */
  readonly argv: readonly string[];
  readonly options: ProgramOptions;
  readonly environment: NodeJS.ProcessEnv;
  /** The container has a PID namespace of its own. */
  readonly hasInit: boolean;
  readonly signal: AbortSignal | undefined;
}

/** bubblewrap wants a command; this one is never started, as its process waits for a byte that does not come. */
const NO_COMMAND = "/.sifon/never";
/** For one that is late to end: what holds it may hold it from that as well. */
const END_MS = 2000;
const LATE =
  "bubblewrap has not mounted all of it after a minute. A file system that does not answer (NFS, FUSE) may hold it: look at those that are bound into the container";
/**
 * Children of the first process of a PID namespace: it ends without waiting for those that lost their parents. The
 * kernel buries them itself where their end is ignored: env(1) can do that (coreutils 8.31), bash as well, dash not.
 */
const IGNORING_CHILDREN = [
  ...["/bin/sh", "-c"],
  `env --ignore-signal=CHLD true 2>/dev/null && exec env --ignore-signal=CHLD "$0" "$@"; trap '' CHLD; exec "$0" "$@"`,
];

/**
 * Sets a container up: bubblewrap mounts all there is, gives up its privileges, and waits. It is in a session of its
 * own, out of reach of the terminal's signals, and ends when this process does.
 * @throws EngineError SETUP_FAILED with bubblewrap's words
 */
export async function prepareContainer(start: ContainerStart): Promise<PreparedContainer> {
  const { argv, environment, hasInit } = start;
  const inputs = bubblewrapInputs(start.options);
  const report = FIRST_INPUT + inputs.length;
  const words = [
    ...(hasInit ? IGNORING_CHILDREN : []),
    ...[...argv, ...descriptorOptions(inputs)],
    // Without privileges it shows when bubblewrap is done: giving them up is its last step.
    ...[...(hasInit ? ["--as-pid-1"] : []), "--cap-drop", "ALL", "--", NO_COMMAND],
  ];
  const bubblewrap = await startTool(words, {
    ...{ detached: true, cwd: "/", env: environment },
    stdio: ["ignore", "ignore", "pipe", ...inputs.map(() => "pipe" as const), "pipe", "pipe"],
  });
  const streams = bubblewrap.stdio as unknown as (Readable & Writable)[];
  for (const stream of streams.slice(3)) stream.on("error", () => {});
  giveInputs(streams, inputs);
  let complaint = "";
  bubblewrap.stderr!.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-4096);
  });
  const gone = once(bubblewrap, "close").catch(({ message }: Error) => {
    complaint = message;
  });

  let child: ReportedChild | undefined;
  let endRest = async () => {};
  async function close(): Promise<void> {
    if (child !== undefined) sendSignal(child.pid, "SIGKILL");
    // Where the child has not been told of yet, it ends by this.
    streams[report + 1]!.destroy();
    if (hasInit || child === undefined) bubblewrap.kill("SIGKILL");
    await gone;
    await endRest();
  }
  child = await new Promise<ReportedChild | undefined>((resolve) => {
    const giveUp = () => resolve(undefined);
    onReportedChild(streams[report]!, resolve);
    bubblewrap.once("close", () => {
      start.signal?.removeEventListener("abort", giveUp);
      giveUp();
    });
    start.signal?.addEventListener("abort", giveUp, { once: true });
  });
  if (child?.mountNamespace !== undefined) endRest = guardNamespace(child.mountNamespace, { isKept: hasInit });
  const outcome = child && (await awaitSetup(child.pid, { signal: start.signal }));
  if (child !== undefined && outcome === "ready") return { pid: child.pid, close };
  if (outcome === "late") {
    await Promise.race([close(), wait(END_MS)]);
    throw new EngineError("SETUP_FAILED", { seen: `${LATE} ${complaint}`.trim() });
  }
  await close();
  start.signal?.throwIfAborted();
  throw limitIn(complaint.trim()) ?? new EngineError("SETUP_FAILED", { seen: complaint.trim() });
}
