import type { TarEntry } from "../../src/tar/entry.ts";
import { readTar } from "../../src/tar/read-tar.ts";
import { borrowed } from "../support/chunks.ts";

/** An entry with its content, holes filled in; `holes` adds up their bytes. */
export interface CollectedEntry extends Omit<TarEntry, "body" | "bodyIfBuffered" | "xattrs"> {
  readonly xattrs: Readonly<Record<string, string>>;
  readonly content: string;
  readonly holes: number;
}

/** Reads all entries of a tar; the chunks' memory is overwritten once the reader has gone on. */
export async function collectEntries(
  chunks: Iterable<Uint8Array>,
  how: "body" | "buffered" = "body",
): Promise<CollectedEntry[]> {
  const entries: CollectedEntry[] = [];
  for await (const entry of readTar(borrowed(chunks), { name: "sha256:test" })) {
    entries.push(await collectEntry(entry, how));
  }
  return entries;
}

export async function collectEntry(entry: TarEntry, how: "body" | "buffered" = "body"): Promise<CollectedEntry> {
  const { path, kind, mode, uid, gid, mtimeSec, size, linkName, deviceMajor, deviceMinor, offset } = entry;
  const fields = { path, kind, mode, uid, gid, mtimeSec, size, linkName, deviceMajor, deviceMinor, offset };
  const xattrs: Record<string, string> = {};
  for (const { name, value } of entry.xattrs) xattrs[name] = Buffer.from(value).toString("latin1");
  const parts: Buffer[] = [];
  let holes = 0;
  const buffered = how === "buffered" ? entry.bodyIfBuffered() : undefined;
  if (buffered !== undefined) {
    parts.push(Buffer.from(buffered));
  } else {
    for await (const part of entry.body()) {
      if (part instanceof Uint8Array) parts.push(Buffer.from(part));
      else {
        holes += part.zeros;
        // Holes of a file past memory are only counted.
        if (holes <= 1 << 24) parts.push(Buffer.alloc(part.zeros));
      }
    }
  }
  return { ...fields, xattrs, content: Buffer.concat(parts).toString("latin1"), holes };
}
