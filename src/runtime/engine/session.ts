import type { StdioOptions } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { ProgramEnd, ProgramPlan } from "./plan.ts";

/** How a program's streams are connected and who may end it. */
export interface ProgramStreams {
  /** As of `child_process.spawn`; `inherit` unless said. */
  readonly stdio?: StdioOptions;
  /** Ends the program: SIGTERM, and SIGKILL some seconds after. */
  readonly signal?: AbortSignal;
}

/** A program that runs in a session. */
export interface RunningProgram {
  /** Null where `stdio` has no pipe there. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Resolves when the program has ended and its pipes are read. @throws EngineError when it could not be started */
  readonly ended: Promise<ProgramEnd>;
  /** Signals the program; nothing happens once it has ended. */
  kill(signal: NodeJS.Signals): void;
}

/**
 * A container's root, mounted in namespaces of its own which one process holds. Whatever ends Sifon ends that
 * process, the programs and the mounts: the kernel cleans up.
 */
export interface EngineSession {
  /** The container's root, as programs of `runHost` see it. Writable as the plan says. */
  readonly rootPath: string;
  /**
   * What was written on top of the image, as programs of `runHost` see it; undefined without an overlay.
   * Kernel overlay marks: a deleted name is a character device 0:0; an opaque directory has the extended attribute
   * `user.overlay.opaque` or `trusted.overlay.opaque` = `y`. Ids are the session's: read it by `runHost`.
   */
  readonly upperPath: string | undefined;
  /** Where the plan's `otherImages` are, in their order. */
  readonly imagePaths: readonly string[];
  /** The ids that the session really has: `root` where `subordinate` was asked for and the host gives none. */
  readonly ids: "self" | "root" | "subordinate";
  /** What the session does without, in sentences for the user: "no overlay: …". */
  readonly notes: readonly string[];
  /** A program of the host, which sees the host's files, `rootPath` and `upperPath`, with the session's ids. */
  runHost(
    argv: readonly [string, ...string[]],
    options?: ProgramStreams & { readonly cwd?: string; readonly environment?: Readonly<Record<string, string>> },
  ): RunningProgram;
  /** A program of the container, which a process of bubblewrap's waits for; the terminal's signals may end that one. */
  runInside(program: ProgramPlan, options?: ProgramStreams): RunningProgram;
  /**
   * A program of the container that is this process' own child, as if there were no container: what comes from the
   * terminal reaches it alone, and how it ends is its own. Not with a seccomp filter.
   * @throws EngineError SETUP_FAILED, ARGUMENTS_TOO_LONG
   */
  runAsChild(program: ProgramPlan, options?: ProgramStreams): Promise<RunningProgram>;
  /** Ends what still runs in it and unmounts all. Never rejects, may be called twice. */
  close(): Promise<void>;
}
