import type { BodyPart } from "../../bytes/file-body.ts";
import type { ContentStore } from "../../fstree/content.ts";
import { ELF_HEAD_SIZE, readElfArch } from "../../fstree/elf.ts";
import type { InodeId, InodeTable } from "../../fstree/inodes.ts";
import type { TarEntry } from "../../tar/entry.ts";
import { MAX_CAPTURE_SIZE } from "./limits.ts";

/** Hands files' bytes to the store as they stream by, and looks at them on the way: ELF header, captured files. */
export class Intake {
  readonly captured: Map<InodeId, Uint8Array> = new Map();
  readonly #contents: ContentStore;

  constructor(contents: ContentStore) {
    this.#contents = contents;
  }

  /** Stores the content of the file entry that `inode` was made from, and notes content and ELF architecture on it; at once where it can be. */
  take(inodes: InodeTable, inode: InodeId, entry: TarEntry, isCaptured: boolean): Promise<void> | undefined {
    const isExecutable = (entry.mode & 0o111) !== 0 && entry.size >= ELF_HEAD_SIZE;
    const isKept = isCaptured && entry.size <= MAX_CAPTURE_SIZE;
    if (entry.size === 0) {
      if (isKept) this.captured.set(inode, new Uint8Array(0));
      return undefined;
    }
    const whole = entry.bodyIfBuffered();
    if (whole === undefined) return this.#takeParts(inodes, inode, entry, { isExecutable, isKept });
    if (isKept) this.captured.set(inode, new Uint8Array(whole));
    const arch = isExecutable ? readElfArch(whole) : 0;
    const content = this.#contents.add(entry.size, whole, entry.contentHash);
    if (typeof content !== "number") return content.then((later) => inodes.setContent(inode, later, arch));
    inodes.setContent(inode, content, arch);
    return undefined;
  }

  async #takeParts(
    inodes: InodeTable,
    inode: InodeId,
    entry: TarEntry,
    { isExecutable, isKept }: { readonly isExecutable: boolean; readonly isKept: boolean },
  ): Promise<void> {
    if (!isExecutable && !isKept) {
      inodes.setContent(inode, await this.#contents.add(entry.size, entry.body()), 0);
      return;
    }
    const head = new Uint8Array(isKept ? entry.size : ELF_HEAD_SIZE);
    const content = await this.#contents.add(entry.size, watchHead(entry.body(), head));
    inodes.setContent(inode, content, isExecutable ? readElfArch(head) : 0);
    if (isKept) this.captured.set(inode, head);
  }
}

/** Passes parts through and copies the first bytes of them. */
async function* watchHead(parts: AsyncIterable<BodyPart>, head: Uint8Array): AsyncIterable<BodyPart> {
  let at = 0;
  for await (const part of parts) {
    if (at < head.length) {
      if (part instanceof Uint8Array) {
        head.set(part.subarray(0, head.length - at), at);
        at += part.length;
      } else {
        at += part.zeros;
      }
    }
    yield part;
  }
}
