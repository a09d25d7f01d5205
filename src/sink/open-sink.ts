import { constants, createWriteStream, openSync, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import type { Writable } from "node:stream";
import { isatty } from "node:tty";
import { quote } from "../bytes/printable.ts";
import { SinkError, toOpenError } from "./errors.ts";
import { type FileOwner, FileSink } from "./file-sink.ts";
import { openFifo } from "./open-fifo.ts";
import { openStdout, type StdoutOptions } from "./open-stdout.ts";
import { PipeSink } from "./pipe-sink.ts";
import type { Sink } from "./sink.ts";

/** How an output is opened. */
export interface OpenSinkOptions extends Omit<StdoutOptions, "fd"> {
  /** Replace an ordinary file of that name, or a symlink itself. */
  readonly overwrite?: boolean;
  /** Whom an ordinary file is given to. */
  readonly owner?: FileOwner | undefined;
}

/**
 * The sink for an output as a command line names it: `-` is the standard output; a named pipe (once somebody
 * reads it) or a device is fed through a spool; anything else is a file that appears once it is whole.
 * @throws SinkError OUTPUT_EXISTS, OUTPUT_IS_DIRECTORY, OUTPUT_IS_TERMINAL, OUTPUT_NOT_A_FILE, OPEN_FAILED, DISK_FULL
 */
export async function openSink(path: string, options: OpenSinkOptions = {}): Promise<Sink> {
  if (path === "-") return openStdout(options);
  if (path === "") throw new TypeError("the output's name is empty");
  const there = await stat(path).catch(() => undefined);
  if (there === undefined || there.isFile() || there.isDirectory()) return FileSink.open(path, options);
  const name = quote(path);
  if (there.isFIFO()) return PipeSink.open({ ...options, destination: (wait) => openFifo(path, wait), name });
  if (there.isCharacterDevice()) return PipeSink.open({ ...options, destination: openDevice(path), name });
  throw new SinkError("OUTPUT_NOT_A_FILE", { path, kind: kindOf(there) });
}

function openDevice(path: string): Writable {
  let fd: number;
  try {
    // A serial line would wait for a modem.
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (cause) {
    throw toOpenError(cause, { path });
  }
  const device = createWriteStream("", { fd });
  if (!isatty(fd)) return device;
  device.destroy();
  throw new SinkError("OUTPUT_IS_TERMINAL");
}

function kindOf(there: Stats): string {
  return there.isBlockDevice() ? "block device" : "socket";
}
