import { displayBytes, printableLines, systemReason, toByteString } from "../index.ts";
import type { Context } from "./context.ts";
import { FatalError } from "./exit.ts";

/** Text is gathered up to this many bytes: a write per line would cost more than the line. */
const GATHERED = 64 * 1024;

/** Where a command's results go: standard output, whose reader may be slow or may stop reading. */
export interface Output {
  /** Writes a text whose units are bytes, as names in an image are. On a terminal what could drive it is escaped. */
  bytes(text: string): Promise<void>;
  /** Writes bytes as they are. */
  raw(content: Uint8Array): Promise<void>;
}

/** Runs a command's output; a reader that has seen enough ends it without an error. */
export async function withOutput(context: Context, use: (output: Output) => Promise<void>): Promise<void> {
  const { stdout } = context;
  let gathered: Buffer | undefined;
  let size = 0;
  const flush = async (): Promise<void> => {
    const chunk = gathered?.subarray(0, size);
    gathered = undefined;
    size = 0;
    if (chunk !== undefined) await write(stdout, chunk);
  };
  try {
    await use({
      async bytes(text) {
        const shown = stdout.isTTY ? forTerminal(text) : text;
        if (shown.length > GATHERED - size) await flush();
        if (shown.length > GATHERED) return write(stdout, Buffer.from(shown, "latin1"));
        // Not a string that grows: the collector would go through all of its pieces again and again.
        gathered ??= Buffer.allocUnsafe(GATHERED);
        size += gathered.write(shown, size, "latin1");
      },
      async raw(content) {
        await flush();
        await write(stdout, content);
      },
    });
    await flush();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EPIPE") return;
    await flush().catch(() => {});
    throw error;
  }
}

/**
 * What a command has printed may not have arrived, as on a full disk: then it has failed. A reader that has seen
 * enough is none of that.
 * @throws FatalError
 */
export function checkOutput({ stdout }: Context): void {
  const { errored } = stdout;
  if (errored && (errored as NodeJS.ErrnoException).code !== "EPIPE") throw outputLost(errored);
}

function outputLost(cause: Error): FatalError {
  const advice = (cause as NodeJS.ErrnoException).code === "ENOSPC" ? " Free some space, or write elsewhere." : "";
  return new FatalError(`Cannot write the standard output: ${systemReason(cause)}.${advice}`, { cause });
}

function write(stream: NodeJS.WritableStream, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => {
      if (!error) resolve();
      else reject((error as NodeJS.ErrnoException).code === "EPIPE" ? error : outputLost(error));
    });
  });
}

/** A hostile image's names must not drive the terminal; what is not UTF-8 could, in another encoding. */
function forTerminal(text: string): string {
  return toByteString(printableLines(displayBytes(text)));
}
