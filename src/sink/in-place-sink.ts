import { ftruncate, write } from "node:fs";
import { promisify } from "node:util";
import { BufferedFile, type BufferedFileOptions, type WritableFile } from "./buffered-file.ts";
import type { Sink } from "./sink.ts";

export interface InPlaceSinkOptions extends Pick<BufferedFileOptions, "path" | "what"> {
  /** Where byte 0 of the output goes; nothing in the file may lie behind it. */
  readonly base?: number;
}

/**
 * Writes straight into a file that somebody else opened and will close, such as the standard output of
 * `sifon build - … > x.sif`. It must be seekable and not in append mode (there the kernel ignores the
 * place of a write): `openStdout` checks. An abort cuts the file to what it held.
 *
 * With FileSink it shares the buffers, not more: whose file it is, and how it ends, is all that either sink is about.
 */
export class InPlaceSink implements Sink {
  readonly #target: WritableFile;
  readonly #file: BufferedFile;
  readonly #base: number;
  #ended = false;

  constructor(fd: number, options: InPlaceSinkOptions) {
    this.#target = fileOf(fd);
    this.#base = options.base ?? 0;
    this.#file = new BufferedFile(this.#target, options);
  }

  get position(): number {
    return this.#file.position;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#file.append(bytes);
  }

  patch(offset: number, bytes: Uint8Array): Promise<void> {
    return this.#file.patch(offset, bytes);
  }

  rewind(offset: number): Promise<void> {
    return this.#file.rewind(offset);
  }

  /** Not synchronised to disk: the file is its opener's. */
  async finish(): Promise<void> {
    if (this.#ended) throw new TypeError("the sink has ended");
    await this.#file.flush();
    this.#ended = true;
  }

  async abort(_reason: unknown): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#file.quiesce();
    await this.#target.truncate(this.#base).catch(() => {});
  }
}

const writeFd = promisify(write);
const truncateFd = promisify(ftruncate);

function fileOf(fd: number): WritableFile {
  return {
    fd,
    write: (bytes, from, length, position) => writeFd(fd, bytes, from, length, position),
    truncate: (size) => truncateFd(fd, size),
  };
}
