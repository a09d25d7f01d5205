import { randomBytes } from "node:crypto";
import { lstat, mkdir, rename } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { ContentStore } from "../fstree/content.ts";
import type { FsTree } from "../fstree/tree.ts";
import type { OnProgress } from "../progress.ts";
import { removeLeftovers, temporaryName } from "../sink/temporary-file.ts";
import { ContentFiles } from "./content-files.ts";
import { SandboxError } from "./errors.ts";
import { removeTree } from "./remove-tree.ts";
import { writeTree } from "./write-tree.ts";

export interface SandboxWriterOptions {
  /** Replace what has that name. */
  readonly overwrite?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

/**
 * A directory that appears under its name only once it is whole. Contents come first, as they stream by, and wait
 * as numbered files in a hidden directory beside it, which only we may enter; the tree is built there, too.
 */
export class SandboxWriter {
  /** Takes the files' contents, one after the other. */
  readonly contents: ContentStore;
  readonly #files: ContentFiles;
  readonly #target: string;
  readonly #workplace: string;
  readonly #options: SandboxWriterOptions;

  private constructor(target: string, workplace: string, options: SandboxWriterOptions) {
    this.#target = target;
    this.#workplace = workplace;
    this.#options = options;
    this.#files = new ContentFiles(join(workplace, "contents"), options.signal);
    this.contents = {
      add: async (size, parts) => {
        try {
          return await this.#files.add(size, parts);
        } catch (cause) {
          throw isSystemError(cause) ? new SandboxError("WRITE_FAILED", { target, cause }) : cause;
        }
      },
    };
  }

  /**
   * @throws SandboxError OUTPUT_EXISTS, WRITE_FAILED
   */
  static async open(path: string, options: SandboxWriterOptions = {}): Promise<SandboxWriter> {
    const target = resolve(path);
    await checkTarget(target, options);
    try {
      const [directory, name] = [dirname(target), basename(target)];
      await removeLeftovers(directory, name, removeTree);
      const workplace = join(directory, temporaryName(name));
      await mkdir(workplace, { mode: 0o700 });
      await mkdir(join(workplace, "contents"), { mode: 0o700 });
      return new SandboxWriter(target, workplace, options);
    } catch (cause) {
      throw new SandboxError("WRITE_FAILED", { target: path, cause });
    }
  }

  /** The directory whose file system takes the files. */
  get directory(): string {
    return dirname(this.#target);
  }

  /**
   * Writes the tree, whose files hold contents of this writer, and gives the directory its name.
   * @throws SandboxError OUTPUT_EXISTS, WRITE_FAILED
   */
  async finish(tree: FsTree): Promise<{ readonly inodeCount: number }> {
    const { signal, onProgress } = this.#options;
    const root = join(this.#workplace, "root");
    await mkdir(root, { mode: 0o700 });
    const inodeCount = await writeTree(root, tree, {
      target: this.#target,
      contents: this.#files,
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    signal?.throwIfAborted();
    await this.#publish(root);
    await removeTree(this.#workplace);
    return { inodeCount };
  }

  /** Leaves nothing behind. Never throws. */
  async abort(): Promise<void> {
    await removeTree(this.#workplace).catch(() => {});
  }

  /** What was there keeps its name until the new directory is whole, and goes when that has it. */
  async #publish(root: string): Promise<void> {
    const target = this.#target;
    const former = join(this.#workplace, `former-${randomBytes(4).toString("hex")}`);
    const isThere = await checkTarget(target, this.#options);
    try {
      if (isThere) await rename(target, former);
      await rename(root, target).catch(async (error: unknown) => {
        if (isThere) await rename(former, target);
        throw error;
      });
    } catch (cause) {
      throw new SandboxError("WRITE_FAILED", { target, cause });
    }
  }
}

/** Whether something has the name; an error where it may not go. */
async function checkTarget(target: string, { overwrite = false }: SandboxWriterOptions): Promise<boolean> {
  const there = await lstat(target).catch(() => undefined);
  if (there !== undefined && !overwrite) throw new SandboxError("OUTPUT_EXISTS", { target });
  return there !== undefined;
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && "syscall" in error;
}
