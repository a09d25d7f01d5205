import { closeSync, constants, copyFileSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import type { BodyPart } from "../bytes/file-body.ts";
import { writeFully } from "../bytes/file-range.ts";
import type { ContentId, ContentStore } from "../fstree/content.ts";

/** Files per folder: large folders are slow on parallel file systems. */
const FOLDER_SIZE = 4096;

const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const OWNER_ONLY = 0o600;

/**
 * Contents as files under numbers, in a folder of our own on the file system that the tree will be on: where they
 * belong is known only when all layers are read, and getting there is a rename.
 */
export class ContentFiles implements ContentStore {
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;
  #count = 1;

  /** @param folder empty, and nobody else's to write to */
  constructor(folder: string, signal?: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
  }

  async add(size: number, parts: AsyncIterable<BodyPart> | Uint8Array): Promise<ContentId> {
    this.#signal?.throwIfAborted();
    if (size === 0) return 0;
    const id = this.#count++;
    if ((id - 1) % FOLDER_SIZE === 0) mkdirSync(this.#folderOf(id), { mode: 0o700 });
    const path = this.#pathOf(id);
    const written = parts instanceof Uint8Array ? writeWhole(path, parts) : await this.#stream(path, parts);
    if (written !== size) throw new RangeError(`a content of ${size} bytes came as ${written}`);
    return id;
  }

  /**
   * Moves a content to its place, which is a rename.
   * @param keep copies instead: another inode has the same content
   */
  place(id: ContentId, path: Buffer, { keep }: { readonly keep: boolean }): void {
    if (keep) copyFileSync(this.#pathOf(id), path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    else renameSync(this.#pathOf(id), path);
  }

  async #stream(path: string, parts: AsyncIterable<BodyPart>): Promise<number> {
    const file = await open(path, CREATE, OWNER_ONLY);
    try {
      let position = 0;
      let written = 0;
      for await (const part of parts) {
        this.#signal?.throwIfAborted();
        // Holes stay holes: nothing is written there.
        if (!(part instanceof Uint8Array)) {
          position += part.zeros;
          continue;
        }
        await writeFully(file, part, position);
        position += part.length;
        written = position;
      }
      if (written < position) await file.truncate(position);
      return position;
    } finally {
      await file.close();
    }
  }

  #folderOf(id: ContentId): string {
    return join(this.#folder, String(Math.floor((id - 1) / FOLDER_SIZE)));
  }

  #pathOf(id: ContentId): string {
    return join(this.#folderOf(id), String(id));
  }
}

function writeWhole(path: string, bytes: Uint8Array): number {
  const file = openSync(path, CREATE, OWNER_ONLY);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done);
  } finally {
    closeSync(file);
  }
  return bytes.length;
}
