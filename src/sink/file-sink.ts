import { constants } from "node:fs";
import { type FileHandle, link, lstat, open, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { systemReason } from "../bytes/system-reason.ts";
import type { OnProgress } from "../progress.ts";
import { BufferedFile } from "./buffered-file.ts";
import { SinkError, toOpenError, toSinkError } from "./errors.ts";
import type { FinishOptions, Sink } from "./sink.ts";
import { removeLeftovers, temporaryName } from "./temporary-file.ts";

/** Numeric, as the kernel has them. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** How a file is written. */
export interface FileSinkOptions {
  /** Gives the file to somebody else than this process's user; a warning where that is refused. */
  readonly owner?: FileOwner | undefined;
  /** Told of that warning. */
  readonly onProgress?: OnProgress;
  /** Replace a file of that name, of a symlink the link itself; without it that is OUTPUT_EXISTS, at the beginning or the end. */
  readonly overwrite?: boolean;
}

/**
 * A file that appears under its name only once it is whole: written under a hidden name in the same
 * directory, synchronised, then renamed. It gets 0777 less the umask, as Apptainer's SIFs have.
 */
export class FileSink implements Sink {
  readonly #target: string;
  readonly #temporary: string;
  readonly #options: FileSinkOptions;
  readonly #handle: FileHandle;
  readonly #file: BufferedFile;
  #state: "open" | "finished" | "aborted" = "open";

  private constructor(target: string, temporary: string, options: FileSinkOptions, handle: FileHandle) {
    this.#target = target;
    this.#temporary = temporary;
    this.#options = options;
    this.#handle = handle;
    this.#file = new BufferedFile(handle, { path: target, sync: () => handle.datasync() });
  }

  /**
   * Begins a file. With `overwrite` a symlink is replaced itself, wherever it leads, as Apptainer does it:
   * what it leads to may be somebody else's. Without, it is in the way, dangling or not.
   * @throws SinkError OUTPUT_EXISTS, OUTPUT_IS_DIRECTORY, OPEN_FAILED, DISK_FULL
   */
  static async open(path: string, options: FileSinkOptions = {}): Promise<FileSink> {
    await checkTarget(path, options.overwrite ?? false);
    const [directory, name] = [dirname(path), basename(path)];
    await removeLeftovers(directory, name);
    const temporary = join(directory, temporaryName(name));
    // The kernel takes the umask (or the directory's default ACL) off the mode; no race over process.umask().
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await open(temporary, flags, 0o777).catch((cause: unknown) => {
      throw toOpenError(cause, { path });
    });
    return new FileSink(path, temporary, options, handle);
  }

  get directory(): string {
    return resolve(dirname(this.#target));
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

  async finish({ signal }: FinishOptions = {}): Promise<void> {
    if (this.#state !== "open") throw new TypeError(`the sink is ${this.#state}`);
    await this.#file.flush();
    await this.#giveAway();
    await this.#guard(() => this.#handle.sync());
    // Of a large file the last bytes take a while.
    signal?.throwIfAborted();
    await this.#guard(async () => {
      await this.#handle.close();
      await this.#publish();
    });
    this.#state = "finished";
    await syncDirectory(dirname(this.#target));
  }

  async abort(_reason: unknown): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    await this.#file.quiesce();
    await this.#handle.close().catch(() => {});
    await unlink(this.#temporary).catch(() => {});
  }

  async #giveAway(): Promise<void> {
    const { owner, onProgress } = this.#options;
    if (owner === undefined) return;
    // A network file system may refuse root; the image is good all the same.
    await this.#handle.chown(owner.uid, owner.gid).catch((cause: Error) => {
      const message = `Cannot give "${this.#target}" to user ${owner.uid}: ${systemReason(cause)}`;
      onProgress?.({ kind: "warning", message });
    });
  }

  async #guard(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (cause instanceof SinkError) throw cause;
      throw toSinkError(cause, { path: this.#target, offset: this.position });
    }
  }

  async #publish(): Promise<void> {
    if (this.#options.overwrite === true) return rename(this.#temporary, this.#target);
    // A link, unlike a rename, fails where someone else made the name in the meantime.
    try {
      await link(this.#temporary, this.#target);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === "EEXIST") throw new SinkError("OUTPUT_EXISTS", { path: this.#target, cause });
      // FAT, some network file systems: no hard links. The window is then between the check and the rename.
      await checkTarget(this.#target, false);
      return rename(this.#temporary, this.#target);
    }
    await unlink(this.#temporary);
  }
}

async function checkTarget(path: string, overwrite: boolean): Promise<void> {
  const there = await lstat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw toOpenError(cause, { path });
  });
  // lstat("new/") finds nothing, and no file could get that name in the end.
  if (there === undefined && !path.endsWith("/")) return;
  const behind = there?.isSymbolicLink() ? await stat(path).catch(() => undefined) : there;
  if (there === undefined || behind?.isDirectory()) throw new SinkError("OUTPUT_IS_DIRECTORY", { path });
  if (!overwrite) throw new SinkError("OUTPUT_EXISTS", { path });
}

/** So that the new name outlives a crash; not all file systems can. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY).catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close().catch(() => {});
}
