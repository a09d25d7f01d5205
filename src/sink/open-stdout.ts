import { constants, createWriteStream, fstatSync, openSync, readFileSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import type { OnProgress } from "../progress.ts";
import { SinkError } from "./errors.ts";
import { InPlaceSink } from "./in-place-sink.ts";
import { PipeSink, type PipeSinkOptions } from "./pipe-sink.ts";
import type { Sink } from "./sink.ts";

export interface StdoutOptions {
  /** An open file descriptor other than 1. */
  readonly fd?: number;
  readonly spoolDirectory?: string;
  readonly onProgress?: OnProgress;
}

/**
 * The sink for an inherited file descriptor: in place where it is an ordinary file that can be patched,
 * through a spool where it is a pipe, a socket, a device, or a file open for appending (`>>`).
 * @throws SinkError OUTPUT_IS_TERMINAL
 */
export async function openStdout(options: StdoutOptions = {}): Promise<Sink> {
  const fd = options.fd ?? 1;
  const file = fstatSync(fd);
  if (fd === 1 && process.stdout.isTTY) throw new SinkError("OUTPUT_IS_TERMINAL");
  const { position, flags } = readDescriptor(fd);
  if (file.isFile() && position !== undefined && (flags & constants.O_APPEND) === 0 && file.size <= position)
    return new InPlaceSink(fd, { what: "the standard output", base: position });
  const { spoolDirectory, onProgress } = options;
  const pipeOptions = {
    name: "the standard output",
    ...(spoolDirectory === undefined ? {} : { spoolDirectory }),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
  if (file.isFIFO()) {
    const destination = reopenPipe(fd);
    if (destination !== undefined) return PipeSink.open({ ...pipeOptions, destination });
  }
  return PipeSink.open({ ...pipeOptions, ...inherited(fd) });
}

/**
 * Place and flags of an open file as the kernel tells them; Node has neither lseek nor fcntl. Where there
 * is no /proc, the place is unknown and the output is spooled.
 */
function readDescriptor(fd: number): { readonly position: number | undefined; readonly flags: number } {
  try {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
    const position = /^pos:\s*(\d+)/m.exec(text)?.[1];
    const flags = /^flags:\s*([0-7]+)/m.exec(text)?.[1] ?? "0";
    return { position: position === undefined ? undefined : Number(position), flags: Number.parseInt(flags, 8) };
  } catch {
    return { position: undefined, flags: 0 };
  }
}

/**
 * A second, non-blocking description of the same pipe. process.stdout blocks the whole process while a
 * reader is slow, signals included; a blocking write in libuv's thread pool would hold up the exit; and
 * making the inherited description non-blocking would reach every other process that shares it.
 */
function reopenPipe(fd: number): Writable | undefined {
  try {
    const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
    return new Socket({ fd: own, readable: false, writable: true });
  } catch {
    // Another user's pipe (sudo), a reader that has gone, or no /proc.
    return undefined;
  }
}

function inherited(fd: number): Pick<PipeSinkOptions, "destination" | "keepOpen"> {
  if (fd === 1) return { destination: process.stdout, keepOpen: true };
  return { destination: createWriteStream("", { fd, autoClose: false }) };
}
