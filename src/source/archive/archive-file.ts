import { constants, type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { systemReason } from "../../bytes/system-reason.ts";
import { decompress, detectCompression } from "../../layer/decompress.ts";
import { SourceError } from "../errors.ts";
import type { FileRange } from "../layout-files.ts";
import { addMember, findMember, listTarMembers, type Member, type Members, memberName } from "./tar-members.ts";

/** A tar of an image, plain or compressed, read in place: nothing is unpacked, members open in any order. */
export interface ArchiveFile {
  /** Size of a member; undefined if there is none of that name. */
  size(name: string): number | undefined;
  /** A small member, whole. Throws `SourceError` ARCHIVE_INVALID when it is larger than `limit`, ARCHIVE_MEMBER_MISSING. */
  read(name: string, limit: number, signal: AbortSignal): Promise<Buffer>;
  /** A member's first bytes, 6 at most: enough to tell how it is compressed. */
  head(name: string, signal: AbortSignal): Promise<Uint8Array>;
  /** A member's bytes. Throws `SourceError` ARCHIVE_MEMBER_MISSING. */
  open(name: string, signal: AbortSignal): Readable;
  /** Where a member's bytes lie as they are; undefined in a compressed archive. */
  locate(name: string): FileRange | undefined;
  /** Safe to call twice. */
  close(): Promise<void>;
}

const HEAD_SIZE = 6;
const READ_SIZE = 256 * 1024;
/** Members up to this size are kept from the first pass over a compressed archive: its JSON documents. */
const KEPT_SIZE = 256 * 1024;
const KEPT_TOTAL = 16 * 1024 * 1024;

/** Opens an archive by path; `uri` is for messages. Throws `SourceError` ARCHIVE_NOT_FOUND, ARCHIVE_INVALID. */
export async function openArchiveFile(path: string, uri: string, signal: AbortSignal): Promise<ArchiveFile> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: NodeJS.ErrnoException) => {
    throw new SourceError("ARCHIVE_NOT_FOUND", { uri, path, problem: systemReason(cause), cause });
  });
  return openArchiveHandle(file, uri, signal);
}

/** Takes over the handle: it is closed with the archive, and when this fails. */
export async function openArchiveHandle(file: FileHandle, uri: string, signal: AbortSignal): Promise<ArchiveFile> {
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new SourceError("ARCHIVE_NOT_FOUND", { uri, path: uri, problem: "is not a file" });
    const head = Buffer.alloc(HEAD_SIZE);
    await file.read(head, 0, head.length, 0);
    // The name stands where messages of the decoder name a blob.
    const compressed = detectCompression(head, asBlobName(uri)) !== "none";
    return compressed
      ? await CompressedArchive.open(file, uri, signal)
      : new PlainArchive(file, uri, await listTarMembers(file, stats.size, uri, signal));
  } catch (error) {
    await file.close();
    throw error;
  }
}

function asBlobName(uri: string): `${string}:${string}` {
  return uri as `${string}:${string}`;
}

abstract class MemberReader {
  protected readonly file: FileHandle;
  protected readonly uri: string;
  protected readonly members: Members;
  #closing: Promise<void> | undefined;

  constructor(file: FileHandle, uri: string, members: Members) {
    this.file = file;
    this.uri = uri;
    this.members = members;
  }

  abstract open(name: string, signal: AbortSignal): Readable;

  locate(_name: string): FileRange | undefined {
    return undefined;
  }

  async head(name: string, signal: AbortSignal): Promise<Uint8Array> {
    for await (const chunk of this.open(name, signal) as AsyncIterable<Buffer>) return chunk.subarray(0, HEAD_SIZE);
    return new Uint8Array();
  }

  size(name: string): number | undefined {
    return findMember(this.members, name)?.size;
  }

  async read(name: string, limit: number, signal: AbortSignal): Promise<Buffer> {
    const { size } = this.member(name);
    if (size > limit) {
      const problem = `its ${JSON.stringify(name)} is ${size} bytes, limit ${limit}`;
      throw new SourceError("ARCHIVE_INVALID", { uri: this.uri, problem });
    }
    const chunks: Buffer[] = [];
    for await (const chunk of this.open(name, signal) as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  close(): Promise<void> {
    this.#closing ??= this.file.close();
    return this.#closing;
  }

  protected member(name: string): Member {
    const member = findMember(this.members, name);
    if (member === undefined) throw new SourceError("ARCHIVE_MEMBER_MISSING", { uri: this.uri, name });
    return member;
  }
}

class PlainArchive extends MemberReader implements ArchiveFile {
  override locate(name: string): FileRange {
    const { offset, size } = this.member(name);
    return { kind: "range", fd: this.file.fd, offset, size };
  }

  override open(name: string, signal: AbortSignal): Readable {
    const { offset, size } = this.member(name);
    return Readable.from(readPart(this.file, offset, size, signal), { objectMode: false, highWaterMark: READ_SIZE });
  }
}

/** Bytes of the file, in chunks of their own. */
async function* readPart(file: FileHandle, offset: number, size: number, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (let position = 0; position < size; ) {
    signal.throwIfAborted();
    const chunk = Buffer.allocUnsafeSlow(Math.min(READ_SIZE, size - position));
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset + position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield chunk.subarray(0, bytesRead);
  }
}

/**
 * A gzip-ed or zstd-ed archive. A member is reached by decompressing from the start again: that costs time
 * for each layer, and no disk.
 */
class CompressedArchive extends MemberReader implements ArchiveFile {
  /** Small members whole, of others the first bytes: what is asked of them before any layer is opened. */
  readonly #kept: ReadonlyMap<string, Buffer>;

  private constructor(file: FileHandle, uri: string, members: Members, kept: ReadonlyMap<string, Buffer>) {
    super(file, uri, members);
    this.#kept = kept;
  }

  override async head(name: string): Promise<Uint8Array> {
    return (this.#kept.get(this.#realName(name)) ?? Buffer.alloc(0)).subarray(0, HEAD_SIZE);
  }

  static async open(file: FileHandle, uri: string, signal: AbortSignal): Promise<CompressedArchive> {
    const members = new Map<string, Member>();
    const kept = new Map<string, Buffer>();
    let keptTotal = 0;
    const parser = extract();
    const fed = pipeline(decompressed(file, uri, signal), parser);
    // The loop below hears of it first; without a listener it would count as unhandled until then.
    fed.catch(() => {});
    try {
      for await (const entry of parser) {
        const { header } = entry;
        addMember(members, header, 0, uri);
        const { size } = header;
        const whole = size <= KEPT_SIZE && keptTotal + size <= KEPT_TOTAL;
        const chunks: Uint8Array[] = [];
        for await (const chunk of entry) if (whole || chunks.length === 0) chunks.push(chunk as Uint8Array);
        if (header.type !== "file") continue;
        const bytes = Buffer.concat(chunks);
        // A copy of its own, so that the head does not keep its chunk alive.
        kept.set(memberName(header.name), whole ? bytes : Buffer.from(bytes.subarray(0, HEAD_SIZE)));
        if (whole) keptTotal += size;
      }
      await fed;
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof SourceError) throw cause;
      const problem = cause instanceof Error ? cause.message : String(cause);
      throw new SourceError("ARCHIVE_INVALID", { uri, problem, cause });
    }
    return new CompressedArchive(file, uri, members, kept);
  }

  override open(name: string, signal: AbortSignal): Readable {
    const { size } = this.member(name);
    const real = this.#realName(name);
    const kept = this.#kept.get(real);
    const chunks = kept?.length === size ? [kept] : memberChunks(this.file, this.uri, real, signal);
    return Readable.from(chunks, { objectMode: false, highWaterMark: READ_SIZE });
  }

  /** The name of the member that holds the bytes, links followed. */
  #realName(name: string): string {
    const member = this.member(name);
    return [...this.members].find(([, one]) => one === member)?.[0] as string;
  }
}

async function* decompressed(file: FileHandle, uri: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const stored = readPart(file, 0, Number.MAX_SAFE_INTEGER, signal);
  // The parser keeps what it is given, the decoder's chunks are borrowed.
  for await (const chunk of decompress(stored, { digest: asBlobName(uri) })) yield Buffer.from(chunk);
}

async function* memberChunks(file: FileHandle, uri: string, name: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const parser = extract();
  const stop = new AbortController();
  const fed = pipeline(decompressed(file, uri, AbortSignal.any([signal, stop.signal])), parser);
  fed.catch(() => {});
  try {
    let found = false;
    for await (const entry of parser) {
      found = memberName(entry.header.name) === name && entry.header.type !== "link";
      if (found) for await (const chunk of entry) yield chunk as Buffer;
      else entry.resume();
      if (found) return;
    }
    await fed;
  } finally {
    stop.abort();
  }
}
