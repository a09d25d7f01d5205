import { close, constants, createReadStream, fstat, open } from "node:fs";
import { addAbortSignal, type Readable } from "node:stream";
import { promisify } from "node:util";

/** Reads of regular files; pipes give what they hold. */
const READ_SIZE = 256 * 1024;

/**
 * Opens a file, a named pipe, a `/dev/fd/N` (`<(command)` of shells), a terminal or a device, to be read once from its
 * start. Of a pipe that nobody writes to yet, the writer is waited for. Neither that nor a read that waits holds a
 * thread of Node's, which no signal reaches and which the process would wait for at its end: the signal destroys the
 * stream at once.
 * @throws what the file system says; of a directory, the stream does at its first read
 */
export async function openStream(path: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Readable> {
  signal?.throwIfAborted();
  // fifo(7): this open(2) never waits. poll(2) then tells nothing of a FIFO before its first writer has come, also not
  // an end, and read(2) is not called before that: the end of the file is the end of the last writer.
  const fd = await promisify(open)(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  let stream: Readable;
  try {
    stream = await streamOf(fd);
  } catch (error) {
    await promisify(close)(fd);
    throw error;
  }
  return signal === undefined ? stream : addAbortSignal(signal, stream);
}

/** The stream takes the descriptor over. */
async function streamOf(fd: number): Promise<Readable> {
  const found = await promisify(fstat)(fd);
  if (found.isFIFO()) {
    const { Socket } = await import("node:net");
    return new Socket({ fd, readable: true, writable: false });
  }
  if (found.isCharacterDevice()) {
    const { isatty, ReadStream } = await import("node:tty");
    if (isatty(fd)) return new ReadStream(fd);
  }
  return createReadStream("", { fd, highWaterMark: READ_SIZE });
}
