import { BLAME_SIZE, ByteReader } from "../bytes/byte-reader.ts";
import type { Digest } from "../oci/digest.ts";
import type { LayerCompression } from "../oci/media-types.ts";
import { gunzip } from "./decompress-gzip.ts";
import { unzstd } from "./decompress-zstd.ts";
import { LayerError } from "./errors.ts";
import { DEFAULT_EXPANSION_LIMITS, type ExpansionLimits } from "./limits.ts";

export interface DecompressOptions {
  /** Digest of the blob, for messages. */
  readonly digest: Digest;
  readonly limits?: Partial<ExpansionLimits> | undefined;
}

const MAGIC_SIZE = 6;

/**
 * The tar inside a layer's stored bytes, in chunks of up to 256 KiB that are valid until the next is asked
 * for. What the first bytes say decides, not the media type: images with wrong ones are about (design §1).
 *
 * The source is always read to its end, so that a check in it completes. If the data is damaged and the
 * source then finds itself damaged, its error is thrown. Leaving early closes the source.
 *
 * Throws `LayerError` LAYER_CORRUPT, LAYER_TRAILING_GARBAGE, LAYER_COMPRESSION_UNSUPPORTED and
 * LAYER_LIMIT_EXCEEDED.
 */
export async function* decompress(
  stored: AsyncIterable<Uint8Array>,
  { digest, limits }: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ByteReader(stored, { name: `blob ${digest}` });
  try {
    const compression = detectCompression(await reader.peekUpTo(MAGIC_SIZE), digest);
    const checkSize = expansionCheck(reader, digest, { ...DEFAULT_EXPANSION_LIMITS, ...limits });
    for await (const chunk of DECODERS[compression](reader, digest)) {
      checkSize(chunk.length);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof LayerError && !isBomb(error)) await reader.skipUpTo(BLAME_SIZE);
    throw error;
  } finally {
    await reader.close();
  }
}

type Decoder = (reader: ByteReader, digest: Digest) => AsyncIterable<Uint8Array>;

const DECODERS: Readonly<Record<LayerCompression, Decoder>> = { none: passOn, gzip: gunzip, zstd: unzstd };

async function* passOn(reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const chunk = await reader.nextChunk();
    if (chunk === undefined) return;
    yield chunk;
  }
}

/** Formats that tar programs write, but no image specification allows. */
const FOREIGN_MAGIC: ReadonlyMap<string, string> = new Map([
  ["xz", "\xfd7zXZ\0"],
  ["bzip2", "BZh"],
  ["LZ4", "\x04\x22\x4d\x18"],
  ["compress", "\x1f\x9d"],
  ["zip", "PK\x03\x04"],
]);

/** What the first bytes of a blob say of its compression. Throws `LayerError` LAYER_COMPRESSION_UNSUPPORTED. */
export function detectCompression(head: Uint8Array, digest: Digest): LayerCompression {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip"; // RFC 1952 §2.3.1
  if (head.length >= 4) {
    const magic = head[0]! | (head[1]! << 8) | (head[2]! << 16) | (head[3]! << 24);
    // RFC 8878 §3.1.1 and §3.1.2; zstd:chunked and parallel writers may begin with a skippable frame.
    if (magic >>> 0 === 0xfd2fb528 || magic >>> 4 === 0x184d2a5) return "zstd";
  }
  const text = Buffer.from(head).toString("latin1");
  for (const [seen, magic] of FOREIGN_MAGIC) {
    if (text.startsWith(magic)) throw new LayerError("LAYER_COMPRESSION_UNSUPPORTED", { digest, seen });
  }
  return "none";
}

/** What expands past the limits is not damaged; a zstd window past its limit may well be. */
function isBomb({ details }: LayerError): boolean {
  return String(details.limitName) in DEFAULT_EXPANSION_LIMITS;
}

function expansionCheck(reader: ByteReader, digest: Digest, limits: ExpansionLimits): (size: number) => void {
  let total = 0;
  const refuse = (field: string, seen: number, limitName: keyof ExpansionLimits) =>
    new LayerError("LAYER_LIMIT_EXCEEDED", {
      digest,
      offset: reader.offset,
      field,
      seen,
      limit: limits[limitName],
      limitName,
    });
  return (size) => {
    total += size;
    if (total > limits.layerSize) throw refuse("uncompressed size", total, "layerSize");
    const expansion = total / reader.offset;
    if (total > limits.expansionFloor && expansion > limits.expansion)
      throw refuse("expansion", Math.round(expansion), "expansion");
  };
}
