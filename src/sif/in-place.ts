import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { readFully, writeFully } from "../bytes/file-range.ts";
import { openUnlinkedFile } from "../bytes/unlinked-file.ts";
import { SifError } from "./errors.ts";

/** Former bytes that are kept in memory: header and descriptors always fit; more of them goes to a file. */
const KEPT_IN_MEMORY: number = 256 * 1024;
/** Bytes at several places that lie no further apart are written by one call, which a kill hardly can split. */
const ONE_WRITE: number = 64 * 1024;

/** New bytes and where they go. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

interface Kept {
  readonly offset: number;
  readonly size: number;
  /** In memory; else in the file of kept bytes. */
  readonly bytes?: Uint8Array;
}

/** A file that is changed in place and can be taken back: what is overwritten is kept until the end. */
export class InPlaceFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #formerSize: number;
  readonly #kept: Kept[] = [];
  #inMemory = 0;
  #isChanged = false;
  #aside: { readonly file: FileHandle; size: number } | undefined;

  private constructor(handle: FileHandle, path: string, formerSize: number) {
    this.#handle = handle;
    this.#path = path;
    this.#formerSize = formerSize;
  }

  /** The handle stays the caller's. */
  static async begin(handle: FileHandle, path: string): Promise<InPlaceFile> {
    const { size } = await handle.stat();
    return new InPlaceFile(handle, path, size);
  }

  /** How long the file was. */
  get formerSize(): number {
    return this.#formerSize;
  }

  /** Bytes at a place, in the file or behind its end. */
  async write({ offset, bytes }: Patch): Promise<void> {
    if (bytes.length === 0) return;
    this.#isChanged = true;
    await this.#keep(offset, Math.min(bytes.length, this.#formerSize - offset));
    await writeFully(this.#handle, bytes, offset).catch((error: unknown) => {
      // The handle does not know its path, the message has to.
      throw error instanceof Error ? Object.assign(error, { path: this.#path }) : error;
    });
  }

  /** Makes the file at least that long: what comes in between is a hole, which reads as zeros. */
  async extend(size: number): Promise<void> {
    const { size: present } = await this.#handle.stat();
    if (size <= present) return;
    this.#isChanged = true;
    await this.#handle.truncate(size);
  }

  /** Small changes that belong together, in one write where they lie near each other. All of it stood there before. */
  async patch(patches: readonly Patch[]): Promise<void> {
    const start = Math.min(...patches.map(({ offset }) => offset));
    const end = Math.max(...patches.map(({ offset, bytes }) => offset + bytes.length));
    if (end - start > ONE_WRITE || end > this.#formerSize) {
      for (const patch of patches) await this.write(patch);
      return;
    }
    const span = await readAt(this.#handle, start, end - start);
    for (const { offset, bytes } of patches) span.set(bytes, offset - start);
    await this.write({ offset: start, bytes: span });
  }

  /**
   * The edit is done: it is on the disk, and what stands behind `size` goes, as a change that was killed leaves it.
   * There is no way back from then on.
   */
  async finish(size: number): Promise<void> {
    await this.#handle.sync();
    const { size: present } = await this.#handle.stat();
    if (size < present) await this.#handle.truncate(size);
  }

  /** What was written so far is on the disk before anything that is written from now on. */
  async flush(): Promise<void> {
    await this.#handle.sync();
  }

  /**
   * Gives the file back its former bytes and length. Does nothing where nothing was written.
   * @throws SifError EDIT_NOT_UNDONE
   */
  async undo(reason: unknown): Promise<void> {
    if (!this.#isChanged) return;
    try {
      for (const kept of this.#kept.toReversed()) await this.#restore(kept);
      await this.#handle.truncate(this.#formerSize);
      await this.#handle.sync();
    } catch (cause) {
      const details = { path: this.#path, size: this.#formerSize, reason, cause };
      throw new SifError("EDIT_NOT_UNDONE", details);
    }
  }

  /** Gives up what was kept. */
  async close(): Promise<void> {
    await this.#aside?.file.close();
    this.#aside = undefined;
  }

  async #keep(offset: number, size: number): Promise<void> {
    if (size <= 0) return;
    const bytes = await readAt(this.#handle, offset, size);
    if (this.#inMemory + size <= KEPT_IN_MEMORY) {
      this.#inMemory += size;
      this.#kept.push({ offset, size, bytes });
      return;
    }
    this.#aside ??= { file: await openUnlinkedFile(tmpdir()), size: 0 };
    await writeFully(this.#aside.file, bytes, this.#aside.size);
    this.#aside.size += size;
    this.#kept.push({ offset, size });
  }

  async #restore({ offset, size, bytes }: Kept): Promise<void> {
    if (bytes !== undefined) return writeFully(this.#handle, bytes, offset);
    const aside = this.#aside;
    if (aside === undefined) return;
    // The last one that was kept stands last.
    aside.size -= size;
    await writeFully(this.#handle, await readAt(aside.file, aside.size, size), offset);
  }
}

async function readAt(handle: FileHandle, offset: number, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  // Where something else cut the file short, there is no more to give back than zeros.
  await readFully(handle, bytes, offset);
  return bytes;
}
