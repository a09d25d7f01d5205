import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { readFully, writeFully } from "../bytes/file-range.ts";
import { systemReason } from "../bytes/system-reason.ts";
import { hashInto, READ_SIZE } from "./hash-file.ts";

/*
 * IMAGE  FACTS  FOOTER            a SquashFS file as the build reads it, JSON, and what tells them from damage
 *
 * FOOTER: 8 bytes of magic, length of FACTS (u32, little-endian), SHA-256 of everything before the footer
 */

const MAGIC = Buffer.from("SIFSTAGE", "latin1");
const FOOTER_SIZE = MAGIC.length + 4 + 32;
/** Facts hold an image's configuration, which registries bound at 4 MiB, and a definition's text. */
const MAX_FACTS_SIZE = 32 << 20;

/** Puts facts and footer behind an image, and all of it on disk. The file is open for reading and writing. */
export async function sealStageEntry(file: FileHandle, facts: unknown, signal?: AbortSignal): Promise<void> {
  const { size } = await file.stat();
  const json = Buffer.from(JSON.stringify(facts), "utf8");
  await writeFully(file, json, size);
  const hash = createHash("sha256");
  await hashInto(hash, file, signal);
  const footer = Buffer.alloc(FOOTER_SIZE);
  MAGIC.copy(footer);
  footer.writeUInt32LE(json.length, MAGIC.length);
  hash.digest().copy(footer, MAGIC.length + 4);
  await writeFully(file, footer, size + json.length);
  await file.sync();
}

/**
 * Reads an entry whole and gives its facts.
 * @throws Error with what is wrong with it; the system's error
 */
export async function readStageEntry(file: FileHandle, signal?: AbortSignal): Promise<unknown> {
  const { size } = await file.stat();
  if (size < FOOTER_SIZE) throw new Error(`it has ${size} bytes, too few for an entry`);
  const footer = await readAt(file, size - FOOTER_SIZE, FOOTER_SIZE);
  const jsonSize = footer.readUInt32LE(MAGIC.length);
  const end = size - FOOTER_SIZE;
  if (!footer.subarray(0, MAGIC.length).equals(MAGIC) || jsonSize > Math.min(end, MAX_FACTS_SIZE))
    throw new Error("it does not end as an entry does");
  const hash = createHash("sha256");
  for (let offset = 0; offset < end; ) {
    signal?.throwIfAborted();
    const chunk = await readAt(file, offset, Math.min(READ_SIZE, end - offset));
    hash.update(chunk);
    offset += chunk.length;
  }
  const seen = hash.digest();
  const expected = footer.subarray(MAGIC.length + 4);
  if (!seen.equals(expected))
    throw new Error(`its bytes have the digest sha256:${seen.toString("hex")}, not sha256:${expected.toString("hex")}`);
  return JSON.parse((await readAt(file, end - jsonSize, jsonSize)).toString("utf8")) as unknown;
}

/** What is wrong with an entry; undefined where nothing is. */
export async function stageEntryProblem(path: string, signal?: AbortSignal): Promise<string | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    await readStageEntry(file, signal);
    return undefined;
  } catch (error) {
    signal?.throwIfAborted();
    // Removed since it was listed: nothing that could be wrong.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    return systemReason(error);
  } finally {
    await file?.close();
  }
}

async function readAt(file: FileHandle, offset: number, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  const filled = await readFully(file, bytes, offset);
  if (filled < size) throw new Error(`it ends at byte ${offset + filled}`);
  return bytes;
}
