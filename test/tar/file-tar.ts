import { type PromptIterator, visitAll } from "../../src/bytes/prompt-iterator.ts";
import type { TarEntry } from "../../src/tar/entry.ts";
import { collect } from "../support/chunks.ts";
import { entry, tar } from "./tar-bytes.ts";

/** A tar of one file. */
export function fileTar(content: string | Uint8Array): Buffer {
  return tar(entry({ name: "file" }, content));
}

/** A tar of files as it was, from what was read of it; of none, no bytes. For the tars that `fileTar` makes. */
export async function filesToTar(entries: PromptIterator<TarEntry>): Promise<Buffer> {
  const files: Buffer[] = [];
  await visitAll(entries, async (file) => {
    const content = await collect(file.body() as AsyncIterable<Uint8Array>);
    const { path: name, mode, uid, gid, mtimeSec: mtime } = file;
    files.push(entry({ name, mode, uid, gid, mtime }, content));
  });
  return files.length === 0 ? Buffer.alloc(0) : tar(...files);
}
