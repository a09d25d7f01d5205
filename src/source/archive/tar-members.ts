import type { FileHandle } from "node:fs/promises";
import { type Extract, extract, type Header } from "tar-stream";
import { SourceError } from "../errors.ts";

/** A member of an archive: bytes, or a link to another member. */
export interface Member {
  /** Where its content begins in the tar. */
  readonly offset: number;
  readonly size: number;
  /** Name of another member whose content it has. */
  readonly link: string | undefined;
}

/** Members by normalised name. */
export type Members = ReadonlyMap<string, Member>;

/** An image archive has a few members per layer; past this it is something else. */
export const MAX_MEMBERS = 100_000;
/** Room for a header and its extensions; of most entries only the first 512 bytes matter. */
const HEADER_READ_SIZE = 4096;
const BLOCK_SIZE = 512;
/** Links that are followed from one member; `docker save` makes one. */
const MAX_LINK_DEPTH = 8;

/**
 * Lists a plain tar that can be read at any place: headers are read, contents are jumped over, so that a
 * large archive costs a read per member.
 *
 * Throws `SourceError` ARCHIVE_INVALID.
 */
export async function listTarMembers(
  file: FileHandle,
  size: number,
  uri: string,
  signal: AbortSignal,
): Promise<Members> {
  const members = new Map<string, Member>();
  for (let offset = 0; offset < size; ) {
    signal.throwIfAborted();
    const found = await headerAt(file, offset, size).catch((cause: Error) => {
      throw new SourceError("ARCHIVE_INVALID", { uri, problem: `at byte ${offset}: ${cause.message}`, cause });
    });
    if (found === undefined) break;
    const { header, contentOffset } = found;
    const end = contentOffset + header.size;
    if (end > size) {
      const problem = `${JSON.stringify(header.name)} ends at byte ${end}, the archive at ${size}; it is cut short`;
      throw new SourceError("ARCHIVE_INVALID", { uri, problem });
    }
    addMember(members, header, contentOffset, uri);
    offset = Math.ceil(end / BLOCK_SIZE) * BLOCK_SIZE;
  }
  return members;
}

/** Notes an entry that is a file or a link. Throws `SourceError` ARCHIVE_INVALID past MAX_MEMBERS. */
export function addMember(members: Map<string, Member>, header: Header, offset: number, uri: string): void {
  if (members.size === MAX_MEMBERS) {
    throw new SourceError("ARCHIVE_INVALID", { uri, problem: `it has more than ${MAX_MEMBERS} members` });
  }
  const name = memberName(header.name);
  const { type, size, linkname } = header;
  if (type === "file" || type === "contiguous-file") members.set(name, { offset, size, link: undefined });
  // `docker save` before 25 writes a layer that two images share as a link, relative to its folder.
  if (type === "symlink") members.set(name, { offset, size: 0, link: memberName(joinNames(name, linkname)) });
  if (type === "link") members.set(name, { offset, size: 0, link: memberName(linkname) });
}

/** Follows links. Undefined where there is no such member; links in a circle count as none. */
export function findMember(members: Members, name: string): Member | undefined {
  let member = members.get(memberName(name));
  for (let depth = 0; member?.link !== undefined && depth < MAX_LINK_DEPTH; depth++) member = members.get(member.link);
  return member?.link === undefined ? member : undefined;
}

/** `./a//b/` → `a/b`; `..` is resolved, inside the archive. */
export function memberName(name: string): string {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function joinNames(name: string, target: string): string {
  return target.startsWith("/") ? target : `${name.slice(0, name.lastIndexOf("/") + 1)}${target}`;
}

/** Reads the entry header at `offset`, with what extends it; undefined at the end of the archive. */
async function headerAt(
  file: FileHandle,
  offset: number,
  size: number,
): Promise<{ header: Header; contentOffset: number } | undefined> {
  const parser = extract();
  const entry = nextEntry(parser);
  // Handled below, by whoever waits for it; this only keeps an early rejection from being unhandled.
  entry.catch(() => {});
  try {
    for (let position = offset; position < size; position += HEADER_READ_SIZE) {
      const block = Buffer.alloc(Math.min(HEADER_READ_SIZE, size - position));
      const { bytesRead } = await file.read(block, 0, block.length, position);
      if (position === offset && block.subarray(0, BLOCK_SIZE).every((byte) => byte === 0)) return undefined;
      if (bytesRead === 0) break;
      parser.write(block.subarray(0, bytesRead));
      const header = await Promise.race([entry, afterParsing()]);
      if (header !== undefined) return { header, contentOffset: offset + contentStart(header) };
    }
    throw new Error("it ends inside a header");
  } finally {
    parser.destroy();
  }
}

function nextEntry(parser: Extract): Promise<Header> {
  return new Promise((resolve, reject) => {
    parser.once("entry", (header) => resolve(header));
    parser.once("error", reject);
  });
}

/** The parser works in microtasks and ticks after a write; by the next turn of the loop it has said what it can. */
function afterParsing(): Promise<undefined> {
  return new Promise((resolve) => setImmediate(() => resolve(undefined)));
}

/** tar-stream tells where the content begins, though its types do not. */
function contentStart(header: Header): number {
  return (header as Header & { byteOffset: number }).byteOffset;
}
