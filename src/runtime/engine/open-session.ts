import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { currentFolder } from "../../bytes/current-folder.ts";
import { argumentsTooLong } from "./argument-limits.ts";
import { bubblewrapInputs, descriptorOptions } from "./bubblewrap-inputs.ts";
import { type Entrance, enterContainer } from "./enter-container.ts";
import { EngineError } from "./errors.ts";
import { type Host, probeHost, TOOL_ENVIRONMENT } from "./host.ts";
import { hostRootOptions } from "./host-root.ts";
import { mapSubordinateIds, subordinateProblem } from "./id-mapping.ts";
import { isWritable, type ProgramPlan, type RootImage, type SessionPlan } from "./plan.ts";
import { type PreparedContainer, prepareContainer } from "./prepare-container.ts";
import { containerOptions, programOptions } from "./program-options.ts";
import { startProgram } from "./run-program.ts";
import type { EngineSession, ProgramStreams, RunningProgram } from "./session.ts";
import { ROOT, requireTool, sessionScript } from "./session-script.ts";
import { limitIn } from "./start-failure.ts";
import { startTool } from "./start-tool.ts";

/** All that enters goes somewhere else at once; shells would complain of a current directory that is gone. */
const NOWHERE = { cwd: "/" };

/** Beside the plan. */
export interface OpenSessionOptions {
  /** What the host can do, where that is known already. */
  readonly host?: Host;
  readonly signal?: AbortSignal;
}

/**
 * Opens a session: mounts the image and what is written on top of it, in namespaces of one process.
 *
 * That process is in a PID namespace with the FUSE daemons it needs and ends when its standard input does. So
 * whatever ends Sifon ends it, the kernel ends all that is in its PID namespace, and with the last process of the
 * mount namespace the mounts are gone.
 * @throws EngineError TOOL_MISSING, NAMESPACES_REFUSED, FUSE_UNAVAILABLE, OVERLAY_UNAVAILABLE, MOUNT_FAILED, SETUP_FAILED
 */
export async function openSession(plan: SessionPlan, options: OpenSessionOptions = {}): Promise<EngineSession> {
  const host = options.host ?? probeHost();
  const { signal } = options;
  signal?.throwIfAborted();
  try {
    return await attempt(plan, host, { privileged: host.uid === 0 && plan.ids !== "subordinate", signal });
  } catch (error) {
    // Root of a container may lack the privilege to mount, but have user namespaces.
    if (host.uid !== 0 || !(error instanceof EngineError) || error.code !== "NAMESPACES_REFUSED") throw error;
    return attempt(plan, host, { privileged: false, signal });
  }
}

interface Attempt {
  readonly privileged: boolean;
  readonly signal: AbortSignal | undefined;
  /** Why subordinate ids are not to be tried again. */
  readonly mappingProblem?: string;
}

async function attempt(
  plan: SessionPlan,
  host: Host,
  { privileged, signal, mappingProblem }: Attempt,
): Promise<EngineSession> {
  const script = sessionScript(plan, { host, privileged });
  const bwrap = requireTool(host, "bwrap", "it sets up the container's file system");
  const unshare = requireTool(host, "unshare", "it makes namespaces");
  const nsenter = requireTool(host, "nsenter", "it enters namespaces");
  const wantsRange = !privileged && plan.ids === "subordinate";
  const rangeProblem = wantsRange ? (mappingProblem ?? subordinateProblem(host)) : undefined;
  const hasRange = wantsRange && rangeProblem === undefined;
  const inner = [
    ...["--mount", "--pid", "--fork", "--kill-child", "--", bwrap, ...hostRootOptions(), ...script.binds],
    ...["--cap-add", "ALL", "--", "/bin/sh", "-c", 'for piece; do eval "$piece"; done', "sh", ...script.pieces],
  ];
  let argv = [unshare, ...(privileged ? [] : ["--user", "--map-root-user"]), ...inner];
  if (hasRange) {
    const mapped = 'read -r pid rest </proc/self/stat; echo "map $pid"; read -r ok && exec "$@"';
    argv = [unshare, "--user", "--", "/bin/sh", "-c", mapped, "sh", unshare, ...inner];
  }
  // A process group of its own: the terminal's Ctrl-C is for the program.
  const holder = await startTool(argv, {
    ...{ detached: true, cwd: "/", env: TOOL_ENVIRONMENT },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const notes: string[] = [];
  if (rangeProblem !== undefined) notes.push(`Only root exists in the container: ${rangeProblem}`);
  try {
    const pid = await holderReady(holder, { plan, host, signal });
    return openedSession({ plan, host, privileged, holder, pid, script, notes, nsenter, bwrap, hasRange });
  } catch (error) {
    holder.kill("SIGKILL");
    if (error instanceof MappingError)
      return attempt(plan, host, { privileged, signal, mappingProblem: error.message });
    throw error;
  }
}

/** The subordinate ids cannot be mapped. */
class MappingError extends Error {}

/** Waits for `ready PID`. */
function holderReady(
  holder: ChildProcess,
  { plan, host, signal }: { readonly plan: SessionPlan; readonly host: Host; readonly signal: AbortSignal | undefined },
): Promise<number> {
  return new Promise((resolve, reject) => {
    let out = "";
    let complaint = "";
    let failed = "";
    const abort = () => reject(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    const settle = () => signal?.removeEventListener("abort", abort);
    holder.stdin!.on("error", () => {});
    holder.stderr!.setEncoding("utf8").on("data", (text: string) => {
      complaint = (complaint + text).slice(-4096);
    });
    holder.stdout!.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      for (let end = out.indexOf("\n"); end >= 0; end = out.indexOf("\n")) {
        const [word, value = ""] = out.slice(0, end).split(" ");
        out = out.slice(end + 1);
        if (word === "failed") failed = value;
        else if (word === "map") {
          mapSubordinateIds(Number(value), host).then(
            () => holder.stdin!.write("\n"),
            ({ message }: Error) => {
              settle();
              reject(new MappingError(message));
            },
          );
        } else if (word === "ready") {
          settle();
          resolve(Number(value));
        }
      }
    });
    holder.once("close", () => {
      settle();
      reject(setupError(failed, complaint.trim().replace(/\s*\n\s*/g, "; "), plan.image, host));
    });
  });
}

function setupError(step: string, seen: string, image: RootImage, host: Host): EngineError {
  const path = image.kind === "squashfs" ? image.file : image.path;
  const limit = limitIn(seen);
  if (limit !== undefined) return limit;
  if (step === "image" || step === "memory") return new EngineError("MOUNT_FAILED", { path, seen });
  if (step === "overlay") return new EngineError("OVERLAY_UNAVAILABLE", { path, uid: host.uid, seen });
  const broken = /failed to execute (\S+): (.+)/.exec(seen);
  if (broken !== null) return new EngineError("TOOL_UNUSABLE", { path: broken[1], seen: broken[2] });
  const isRefusal =
    /unshare|clone|namespace|uid_map|setting up/.test(seen) && /not permitted|denied|No space|Invalid/.test(seen);
  if (isRefusal) {
    const why = host.userNamespaceRefusal;
    return new EngineError("NAMESPACES_REFUSED", { uid: host.uid, seen: why === undefined ? seen : `${seen}; ${why}` });
  }
  return new EngineError("SETUP_FAILED", { seen });
}

interface OpenedParts {
  readonly plan: SessionPlan;
  readonly host: Host;
  readonly privileged: boolean;
  readonly holder: ChildProcess;
  readonly pid: number;
  readonly script: ReturnType<typeof sessionScript>;
  readonly notes: readonly string[];
  readonly nsenter: string;
  readonly bwrap: string;
  readonly hasRange: boolean;
}

function openedSession(parts: OpenedParts): EngineSession {
  const { plan, host, privileged, holder, pid, script } = parts;
  const running = new Set<RunningProgram>();
  const enter = [
    ...[parts.nsenter, "--target", String(pid), "--mount"],
    ...(privileged ? [] : ["--user", "--preserve-credentials"]),
    "--",
  ];
  for (const stream of [holder.stdin, holder.stdout, holder.stderr] as unknown as { unref?: () => void }[])
    stream.unref?.();
  holder.unref();

  function follow(program: RunningProgram): RunningProgram {
    running.add(program);
    const done = () => running.delete(program);
    program.ended.then(done, done);
    return program;
  }

  const isSelf = !privileged && plan.ids === "self";
  const identity = {
    shown: isSelf ? { uid: host.uid, gid: host.gid } : undefined,
    rootWritable: isWritable(plan.overlay),
  };

  return {
    rootPath: ROOT,
    upperPath: script.upperPath,
    imagePaths: script.imagePaths,
    ids: privileged || plan.ids === "self" ? "self" : parts.hasRange ? "subordinate" : "root",
    notes: parts.notes,
    runHost(argv, { cwd = currentFolder() ?? "/", environment = process.env, ...streams } = {}) {
      // Entering a mount namespace leads to its top.
      const words = [...enter, "/bin/sh", "-c", 'cd -- "$0" && exec "$@"', cwd, ...argv];
      return follow(startProgram({ argv: words, ...NOWHERE, environment }, streams));
    },
    async runAsChild(program: ProgramPlan, streams: ProgramStreams = {}) {
      const container = await prepareContainer({
        argv: [...enter, parts.bwrap],
        options: containerOptions(program, identity, 4),
        environment: TOOL_ENVIRONMENT,
        hasInit: program.namespaces.pid === true,
        signal: streams.signal,
      });
      const session = privileged ? undefined : pid;
      const entrance = { host, container: container.pid, session, hasOwnIds: isSelf, program };
      return follow(await startInContainer(container, entrance, streams));
    },
    runInside(program: ProgramPlan, streams: ProgramStreams = {}) {
      const inputs = bubblewrapInputs(programOptions(program, identity, 4));
      return follow(
        startProgram(
          {
            argv: [...enter, parts.bwrap, ...descriptorOptions(inputs), "--", ...program.command],
            ...{ ...NOWHERE, environment: TOOL_ENVIRONMENT },
            ...(program.umask === undefined ? {} : { umask: program.umask }),
            inputs,
            reports: true,
            isBelowInit: program.namespaces.pid === true,
          },
          streams,
        ),
      );
    },
    async close() {
      for (const program of running) program.kill("SIGKILL");
      await Promise.allSettled([...running].map(({ ended }) => ended));
      if (holder.exitCode !== null || holder.signalCode !== null) return;
      const closed = once(holder, "close");
      holder.ref();
      // Its daemons hold these a moment longer than it lives: without them this process would not wait, and end (code 13).
      for (const stream of [holder.stdout, holder.stderr] as Socket[]) stream.ref().resume();
      holder.stdin!.end();
      await closed;
    },
  };
}

async function startInContainer(
  container: PreparedContainer,
  entrance: Entrance,
  streams: ProgramStreams,
): Promise<RunningProgram> {
  const { umask } = entrance.program;
  try {
    const { argv, environment, isBelowShell } = enterContainer(entrance);
    return startProgram(
      {
        ...{ argv, ...NOWHERE, environment, isBelowInit: isBelowShell, onEnd: () => container.close() },
        ...(umask === undefined ? {} : { umask }),
      },
      streams,
    );
  } catch (error) {
    await container.close();
    // The one refusal by the kernel that Node throws instead of telling it later.
    if ((error as NodeJS.ErrnoException).code !== "E2BIG") throw error;
    throw argumentsTooLong(entrance.program, error as Error);
  }
}
