import { BLAME_SIZE, ByteReader } from "../bytes/byte-reader.ts";
import type { ByteString } from "../bytes/byte-string.ts";
import { type BuiltEntry, buildEntry, type Extensions } from "./build-entry.ts";
import type { TarEntry } from "./entry.ts";
import { TarError } from "./errors.ts";
import { BLOCK_SIZE, type Header, isZero, type Place, parseHeader, TypeFlag } from "./header.ts";
import { TAR_LIMITS, type TarLimit } from "./limits.ts";
import { emptyPax, type PaxRecords, parsePax } from "./pax.ts";
import { endToTruncation } from "./stored-entry.ts";

export interface ReadTarOptions {
  /** Digest of the layer, for messages. */
  readonly name: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The entries of a tar, byte-exact, in stream order: v7, ustar, GNU, star and PAX, all sparse forms.
 *
 * Content that is not read is skipped when the next entry is asked for. After the last entry the source is
 * read to its end, whatever stands behind the end blocks, so that digests over it complete. Leaving early
 * closes the source. Missing end blocks are accepted, as by Go's and GNU's readers. Throws `TarError`, and
 * whatever the source throws.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  options: ReadTarOptions,
): AsyncGenerator<TarEntry, void, undefined> {
  const { name, signal } = options;
  const reader = new ByteReader(source, { name: `the tar of layer ${name}`, signal });
  try {
    const globals = emptyPax();
    for (;;) {
      const entry = await readEntry(reader, name, globals);
      if (entry === undefined) break;
      yield entry.entry;
      // Content is skipped to where it ends, however much of it was read.
      const rest = entry.endOffset - reader.offset;
      if (rest > 0 && !reader.trySkip(rest)) await skipContent(reader, rest, name, entry.entry.path);
      const padding = -entry.storedSize & (BLOCK_SIZE - 1);
      // The last padding may be missing, as the end blocks may.
      if (padding > 0 && !reader.trySkip(padding)) await reader.skipUpTo(padding);
    }
    await reader.skipUpTo(Number.POSITIVE_INFINITY);
  } catch (error) {
    if (error instanceof TarError) await reader.skipUpTo(BLAME_SIZE);
    throw error;
  } finally {
    await reader.close();
  }
}

/** Reads extended headers up to and with the entry that they belong to; undefined at the end of the archive. */
async function readEntry(reader: ByteReader, name: string, globals: PaxRecords): Promise<BuiltEntry | undefined> {
  const start = reader.offset;
  const extensions: { -readonly [K in keyof Extensions]: Extensions[K] } = { globals };
  for (let headerCount = 0; ; headerCount++) {
    const place: Place = { name, offset: reader.offset };
    const block = reader.tryRead(BLOCK_SIZE) ?? (await reader.readUpTo(BLOCK_SIZE));
    if (block[0] === 0 || block.length < BLOCK_SIZE) {
      if (await isEnd(block, reader, place)) {
        if (headerCount === 0 || isHarmless(extensions)) return undefined;
        throw new TarError("TAR_TRUNCATED", { ...place, what: "an extended header whose entry is missing" });
      }
    }
    const header = parseHeader(block, place);
    switch (header.typeFlag) {
      case TypeFlag.pax:
      case TypeFlag.solarisPax:
        extensions.pax ??= emptyPax();
        parsePax(await readExtension(reader, header, "paxSize", place), extensions.pax, place);
        break;
      case TypeFlag.paxGlobal:
        parsePax(await readExtension(reader, header, "paxSize", place), globals, place);
        break;
      case TypeFlag.longName:
        extensions.longName = untilNul(await readExtension(reader, header, "longNameSize", place));
        break;
      case TypeFlag.longLink:
        extensions.longLink = untilNul(await readExtension(reader, header, "longNameSize", place));
        break;
      case TypeFlag.volumeLabel:
      case TypeFlag.oldLongName:
        // A tape's label, and the rename list of tar before 1.12: neither is an entry.
        await readExtension(reader, header, "longNameSize", place);
        break;
      default:
        try {
          return await buildEntry(reader, header, block, extensions, { name, offset: start });
        } catch (error) {
          throw endToTruncation(error, name, "the header", header.path);
        }
    }
    if (headerCount === TAR_LIMITS.extendedHeaderCount)
      throw limitError(place, "number of extended headers in a row", headerCount + 1, "extendedHeaderCount");
  }
}

/** Global headers and labels may end an archive; what names an entry may not. */
function isHarmless(extensions: Extensions): boolean {
  return extensions.pax === undefined && extensions.longName === undefined && extensions.longLink === undefined;
}

/** Whether the archive ends with this block, which begins with a NUL or is cut short. */
async function isEnd(block: Buffer, reader: ByteReader, place: Place): Promise<boolean> {
  if (!isZero(block)) {
    if (block.length === BLOCK_SIZE) return false;
    const offset = place.offset + block.length;
    throw new TarError("TAR_TRUNCATED", {
      ...place,
      offset,
      needed: BLOCK_SIZE - block.length,
      what: "an entry header",
    });
  }
  const next = await reader.readUpTo(BLOCK_SIZE);
  // GNU tar stops at a single one with a warning, Go refuses it: what follows must not vanish silently.
  if (!isZero(next)) throw new TarError("TAR_LONE_ZERO_BLOCK", { ...place });
  return true;
}

/** The data of an extended header, borrowed; its padding is passed over. */
async function readExtension(reader: ByteReader, header: Header, limit: TarLimit, place: Place): Promise<Buffer> {
  const { size } = header;
  if (size < 0) throw new TarError("TAR_SIZE_NEGATIVE", { ...place, field: "size of an extended header", seen: size });
  if (size > TAR_LIMITS[limit]) throw limitError(place, "size of an extended header", size, limit);
  try {
    // Data and padding in one go: the view must stay valid until it is parsed.
    const padded = size + (-size & (BLOCK_SIZE - 1));
    return (reader.tryRead(padded) ?? (await reader.read(padded))).subarray(0, size);
  } catch (error) {
    throw endToTruncation(error, place.name, "an extended header");
  }
}

async function skipContent(reader: ByteReader, size: number, name: string, path: ByteString): Promise<void> {
  try {
    await reader.skip(size);
  } catch (error) {
    throw endToTruncation(error, name, "the content", path);
  }
}

function limitError(place: Place, field: string, seen: number, limitName: TarLimit): TarError {
  return new TarError("TAR_LIMIT_EXCEEDED", { ...place, field, seen, limit: TAR_LIMITS[limitName], limitName });
}

function untilNul(data: Buffer): ByteString {
  const nul = data.indexOf(0);
  return data.toString("latin1", 0, nul < 0 ? data.length : nul);
}
