import type { ByteReader } from "../bytes/byte-reader.ts";
import type { ByteString } from "../bytes/byte-string.ts";
import type { Xattr } from "../bytes/file-body.ts";
import { EntryKind, type TarEntry } from "./entry.ts";
import { TarError } from "./errors.ts";
import { BLOCK_SIZE, type Header, isZero, looksLikeHeader, type Place, TypeFlag } from "./header.ts";
import { TAR_LIMITS, type TarLimit } from "./limits.ts";
import { type PaxRecords, paxInteger, paxTime, paxValue } from "./pax.ts";
import {
  checkSparseMap,
  paxSparseMap,
  paxSparseVersion,
  readGnuSparse,
  readPaxSparse,
  type SparseMap,
} from "./sparse.ts";
import { StoredEntry } from "./stored-entry.ts";

/** What extended headers said in front of an entry. */
export interface Extensions {
  readonly globals: PaxRecords;
  readonly pax?: PaxRecords;
  readonly longName?: ByteString;
  readonly longLink?: ByteString;
}

/** An entry, and where it is. */
export interface BuiltEntry {
  readonly entry: TarEntry;
  /** Bytes that the tar stores for it, without padding. */
  readonly storedSize: number;
  /** Where those end. */
  readonly endOffset: number;
}

const NO_XATTRS: readonly Xattr[] = [];
/** What squashfs can hold. */
const MAX_MTIME_SEC = 2 ** 32 - 1;

/**
 * Puts an entry together from its header block and extensions. The reader stands behind the header block,
 * afterwards at the content. `place` is where the entry's first header stands.
 */
export async function buildEntry(
  reader: ByteReader,
  header: Header,
  block: Buffer,
  extensions: Extensions,
  place: Place,
): Promise<BuiltEntry> {
  const { pax, globals } = extensions;
  const hasRecords = pax !== undefined || globals.values.size > 0 || globals.xattrs.size > 0;
  const value = (keyword: string) => (hasRecords ? paxValue(keyword, pax, globals) : undefined);
  const path = value("GNU.sparse.name") ?? value("path") ?? extensions.longName ?? header.path;
  const kind = kindOf(header.typeFlag, path, place);
  const named = { ...place, path };
  const integer = (keyword: string, fallback: number) => {
    const text = value(keyword);
    return text === undefined ? fallback : paxInteger(keyword, text, named);
  };

  let stored = integer("size", header.size);
  if (stored < 0) throw new TarError("TAR_SIZE_NEGATIVE", { ...named, field: "size", seen: stored });
  checkLimit("size", stored, "fileSize", named);
  // POSIX.1 pax: these types have no data blocks, whatever the size field says (for a directory, a quota).
  if (kind !== EntryKind.file && header.typeFlag >= TypeFlag.symlink && header.typeFlag <= TypeFlag.fifo) stored = 0;
  if (kind === EntryKind.hardlink && stored > 0 && (await linkHasNoData(reader))) stored = 0;

  let size = kind === EntryKind.file ? stored : 0;
  let sparse: SparseMap | undefined;
  const dataEnd = () => reader.offset + stored;
  let endOffset = dataEnd();
  if (kind === EntryKind.file) {
    sparse = await readSparseMap(reader, header, block, pax, stored, named);
    if (sparse !== undefined) {
      // Of the extension blocks of the old format the size field knows nothing; a 1.0 map is part of it.
      if (header.typeFlag === TypeFlag.sparse) endOffset = dataEnd();
      checkSparseMap(sparse, endOffset - reader.offset, named);
      size = sparse.size;
      checkLimit("size", size, "fileSize", named);
    }
  }

  const mtimeText = value("mtime");
  const mtimeSec = mtimeText === undefined ? header.mtimeSec : paxTime("mtime", mtimeText, named);
  const isLink = kind === EntryKind.symlink || kind === EntryKind.hardlink;
  const isDevice = kind === EntryKind.charDevice || kind === EntryKind.blockDevice;
  const entry = new StoredEntry(
    {
      path,
      kind,
      mode: header.mode & 0o7777,
      uid: ownerId("uid", integer("uid", header.uid), named),
      gid: ownerId("gid", integer("gid", header.gid), named),
      mtimeSec: Math.min(Math.max(mtimeSec, 0), MAX_MTIME_SEC),
      size,
      linkName: isLink ? (value("linkpath") ?? extensions.longLink ?? header.linkName) : "",
      deviceMajor: isDevice ? deviceNumber("deviceMajor", integer("SCHILY.devmajor", header.deviceMajor), named) : 0,
      deviceMinor: isDevice ? deviceNumber("deviceMinor", integer("SCHILY.devminor", header.deviceMinor), named) : 0,
      xattrs: hasRecords ? xattrsOf(pax, globals) : NO_XATTRS,
      offset: place.offset,
    },
    place.name,
    reader,
    sparse,
  );
  // What is left of the stored bytes behind a 1.0 map keeps the whole's padding.
  return { entry, storedSize: stored, endOffset };
}

function kindOf(typeFlag: number, path: ByteString, place: Place): EntryKind {
  switch (typeFlag) {
    case TypeFlag.hardlink:
      return EntryKind.hardlink;
    case TypeFlag.symlink:
      return EntryKind.symlink;
    case TypeFlag.charDevice:
      return EntryKind.charDevice;
    case TypeFlag.blockDevice:
      return EntryKind.blockDevice;
    case TypeFlag.directory:
    case TypeFlag.dumpDirectory:
      return EntryKind.directory;
    case TypeFlag.fifo:
      return EntryKind.fifo;
    case TypeFlag.multiVolume:
      throw new TarError("TAR_MULTI_VOLUME", { ...place, path });
    case TypeFlag.oldFile:
    case TypeFlag.file:
      // Before ustar had directories, a trailing slash told them.
      return path.endsWith("/") ? EntryKind.directory : EntryKind.file;
    default:
      // POSIX.1 pax: types that are not understood are to be taken as regular files.
      return EntryKind.file;
  }
}

/**
 * Whether nothing is stored for a hard link with a size. Old tars wrote the target's size and no data, which
 * Go's reader relies on; PAX archives may carry the data (POSIX.1 pax, "linkdata"). What follows tells.
 */
async function linkHasNoData(reader: ByteReader): Promise<boolean> {
  const next = await reader.peekUpTo(2 * BLOCK_SIZE);
  return isZero(next) || looksLikeHeader(next.subarray(0, BLOCK_SIZE));
}

async function readSparseMap(
  reader: ByteReader,
  header: Header,
  block: Buffer,
  pax: PaxRecords | undefined,
  stored: number,
  place: Place,
): Promise<SparseMap | undefined> {
  if (header.typeFlag === TypeFlag.sparse) return readGnuSparse(block, reader, place);
  const version = pax === undefined ? undefined : paxSparseVersion(pax, place);
  if (pax === undefined || version === undefined) return undefined;
  return version === "0.x" ? paxSparseMap(pax, place) : readPaxSparse(reader, stored, pax, place);
}

function xattrsOf(own: PaxRecords | undefined, globals: PaxRecords): readonly Xattr[] {
  const all = globals.xattrs.size === 0 ? own?.xattrs : new Map([...globals.xattrs, ...(own?.xattrs ?? [])]);
  return all === undefined || all.size === 0 ? NO_XATTRS : Array.from(all, ([name, value]) => ({ name, value }));
}

/** macOS writes "nobody" as −2; the kernel takes it as 2^32−2. */
function ownerId(field: string, value: number, place: Place): number {
  if (value < 0 && value >= -(2 ** 31)) return value + 2 ** 32;
  if (value < 0) throw new TarError("TAR_NUMBER_INVALID", { ...place, field, seen: value });
  checkLimit(field, value, "id", place);
  return value;
}

function deviceNumber(limitName: "deviceMajor" | "deviceMinor", value: number, place: Place): number {
  if (value < 0) throw new TarError("TAR_NUMBER_INVALID", { ...place, field: limitName, seen: value });
  checkLimit("device number", value, limitName, place);
  return value;
}

function checkLimit(field: string, seen: number, limitName: TarLimit, place: Place): void {
  const limit = TAR_LIMITS[limitName];
  if (seen > limit) throw new TarError("TAR_LIMIT_EXCEEDED", { ...place, field, seen, limit, limitName });
}
