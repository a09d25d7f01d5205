import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { quote } from "../bytes/printable.ts";
import { openUnlinkedFile } from "../bytes/unlinked-file.ts";
import { InternalError } from "../errors.ts";
import type { OnProgress } from "../progress.ts";
import { BufferedFile } from "./buffered-file.ts";
import { SinkError, toOpenError, toSinkError } from "./errors.ts";
import type { FinishOptions, Sink } from "./sink.ts";

/** Bytes per write to the pipe; Linux pipes hold 64 KiB, so more saves little. */
const SEND_SIZE = 256 * 1024;

/** What a full disk's error advises. */
const SPOOL_ADVICE = "point TMPDIR to another file system";
const SPOOL_ADVICES = {
  advice: SPOOL_ADVICE,
  openAdvice: "Let TMPDIR name a directory that is there and that you may write to.",
} as const;

/** How the spool appears in errors. */
function spoolName(directory: string): string {
  return `a temporary file in ${quote(directory)}`;
}

export interface PipeSinkOptions {
  /** Where the output goes in the end; a function where that opens only when somebody comes to read it. */
  readonly destination: Writable | ((options: { readonly signal: AbortSignal }) => Promise<Writable>);
  /** For messages: "the standard output". */
  readonly name?: string;
  /** Leave the destination open behind the last byte (`process.stdout`). */
  readonly keepOpen?: boolean;
  /** Where the spool lies; the system's temporary directory by default. It needs room for the whole output. */
  readonly spoolDirectory?: string;
  readonly onProgress?: OnProgress;
}

/**
 * Output that cannot be patched or rewound: it is spooled to a temporary file, which has no name from the
 * beginning, so that nothing is left behind however the process ends; then it is sent.
 */
export class PipeSink implements Sink {
  /** Of the spool. */
  readonly directory: string;
  readonly #handle: FileHandle;
  readonly #spool: BufferedFile;
  readonly #options: PipeSinkOptions;
  /** Ends the wait for a reader. */
  readonly #waiting = new AbortController();
  readonly #connecting: Promise<void>;
  #destination: Writable | undefined;
  #destinationError: Error | undefined;
  #sent = 0;
  #ended = false;

  private constructor(handle: FileHandle, directory: string, options: PipeSinkOptions) {
    this.directory = directory;
    this.#handle = handle;
    this.#options = options;
    this.#spool = new BufferedFile(handle, { what: spoolName(directory), advice: SPOOL_ADVICE });
    this.#connecting = this.#connect();
  }

  /** Settles when the destination is open, or never will be; the reason is kept for the next write. */
  async #connect(): Promise<void> {
    const { destination } = this.#options;
    try {
      const opened = typeof destination === "function" ? await destination(this.#waiting) : destination;
      if (this.#ended) return void opened.destroy();
      // A reader may go away at any time; without a listener that would end the process.
      opened.on("error", (error: Error) => {
        this.#destinationError ??= error;
      });
      this.#destination = opened;
    } catch (error) {
      this.#destinationError ??= error as Error;
    }
  }

  /**
   * @throws SinkError OPEN_FAILED, DISK_FULL
   */
  static async open(options: PipeSinkOptions): Promise<PipeSink> {
    const directory = options.spoolDirectory ?? tmpdir();
    const handle = await openUnlinkedFile(directory).catch((cause: unknown) => {
      throw toOpenError(cause, { what: spoolName(directory), ...SPOOL_ADVICES });
    });
    try {
      options.onProgress?.({ kind: "spool", what: "the image, until it is whole", path: directory });
      return new PipeSink(handle, directory, options);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get position(): number {
    return this.#spool.position;
  }

  async write(bytes: Uint8Array): Promise<void> {
    // The reader has gone: no use in going on for minutes.
    if (this.#destinationError !== undefined) throw this.#sendError(this.#destinationError);
    await this.#spool.append(bytes);
  }

  patch(offset: number, bytes: Uint8Array): Promise<void> {
    return this.#spool.patch(offset, bytes);
  }

  rewind(offset: number): Promise<void> {
    return this.#spool.rewind(offset);
  }

  /** Resolves once the destination has taken the last byte. */
  async finish({ signal }: FinishOptions = {}): Promise<void> {
    if (this.#ended) throw new TypeError("the sink has ended");
    await this.#spool.flush();
    const { keepOpen, onProgress } = this.#options;
    const size = this.position;
    const destination = await this.#connected(signal);
    onProgress?.({ kind: "spool", what: `the image of ${size} bytes, now being sent`, path: this.#name });
    while (this.#sent < size) {
      // A chunk of its own each time: a stream inside this process may keep it beyond the write's callback.
      const buffer = Buffer.allocUnsafeSlow(Math.min(SEND_SIZE, size - this.#sent));
      const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#sent);
      if (bytesRead === 0)
        throw new InternalError("the spool ends early", { path: spoolName(this.directory), offset: this.#sent });
      await this.#send(destination, buffer.subarray(0, bytesRead), signal);
      this.#sent += bytesRead;
    }
    if (keepOpen !== true) await this.#end(destination);
    this.#ended = true;
    await this.#handle.close();
  }

  async abort(reason: unknown): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting.abort(reason);
    await this.#spool.quiesce();
    await this.#handle.close().catch(() => {});
    if (this.#options.keepOpen !== true) this.#destination?.destroy(reason instanceof Error ? reason : undefined);
  }

  /** The open destination; says so where nobody has come to read yet. */
  async #connected(signal: AbortSignal | undefined): Promise<Writable> {
    const abort = () => this.#waiting.abort(signal?.reason);
    signal?.throwIfAborted();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      // What is open already has settled, and its promises have run, by then.
      await Promise.race([this.#connecting, setImmediate()]);
      if (this.#destination === undefined && this.#destinationError === undefined)
        this.#options.onProgress?.({
          kind: "warning",
          message: `Nobody reads ${this.#name} yet: waiting for a reader`,
        });
      await this.#connecting;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    signal?.throwIfAborted();
    if (this.#destination !== undefined) return this.#destination;
    throw this.#sendError(this.#destinationError as Error);
  }

  #send(destination: Writable, bytes: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      // A reader that has stopped reading must not hold up an abort.
      const abort = () => reject(signal?.reason as Error);
      if (signal?.aborted) return abort();
      signal?.addEventListener("abort", abort, { once: true });
      // Awaiting the callback is the backpressure.
      destination.write(bytes, (cause) => {
        signal?.removeEventListener("abort", abort);
        if (cause == null) resolve();
        else reject(this.#sendError(this.#destinationError ?? cause));
      });
    });
  }

  #end(destination: Writable): Promise<void> {
    return new Promise((resolve, reject) => {
      destination.once("error", (cause: Error) => reject(this.#sendError(cause)));
      destination.end(resolve);
    });
  }

  get #name(): string {
    return this.#options.name ?? "the output stream";
  }

  #sendError(cause: Error): SinkError {
    const { code } = cause as NodeJS.ErrnoException;
    const closed = code === "ERR_STREAM_DESTROYED" || code === "ERR_STREAM_PREMATURE_CLOSE";
    const details = { what: this.#name, offset: this.#sent };
    return closed ? new SinkError("CLOSED_OUTPUT", { ...details, cause }) : toSinkError(cause, details);
  }
}
