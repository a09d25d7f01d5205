import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";

/** A file or directory of a synthetic layer. */
export interface SyntheticEntry {
  /** Of at most 100 bytes, without a slash in front; a directory's ends with one. */
  readonly path: string;
  /** Bytes; the content is made up, every file's its own. */
  readonly size?: number;
}

const BLOCK = 512;
const CHUNK = 256 * 1024;

/** Writes an image as an OCI layout of gzip-ed layers, lowest first, with the tag `latest`. */
export async function writeSyntheticImage(
  folder: string,
  layers: Iterable<Iterable<SyntheticEntry>>,
  { gzip = true }: { readonly gzip?: boolean } = {},
): Promise<void> {
  const blobs = join(folder, "blobs", "sha256");
  mkdirSync(blobs, { recursive: true });
  const keep = (bytes: string) => {
    const digest = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(blobs, digest), bytes);
    return { digest: `sha256:${digest}`, size: bytes.length };
  };
  const descriptors: object[] = [];
  const diffIds: string[] = [];
  for (const entries of layers) {
    const temporary = join(blobs, "layer");
    const diff = hashing();
    const blob = hashing();
    const file = createWriteStream(temporary);
    const source = Readable.from(tarChunks(entries), { objectMode: false, highWaterMark: CHUNK });
    if (gzip) await pipeline(source, diff.stream, createGzip({ level: 1, chunkSize: CHUNK }), blob.stream, file);
    else await pipeline(source, diff.stream, blob.stream, file);
    const digest = blob.digest();
    renameSync(temporary, join(blobs, digest));
    diffIds.push(`sha256:${diff.digest()}`);
    descriptors.push({
      mediaType: `application/vnd.oci.image.layer.v1.tar${gzip ? "+gzip" : ""}`,
      digest: `sha256:${digest}`,
      size: statSync(join(blobs, digest)).size,
    });
  }
  const config = keep(
    JSON.stringify({ architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: diffIds } }),
  );
  const manifest = keep(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: descriptors,
    }),
  );
  const named = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    ...manifest,
    annotations: { "org.opencontainers.image.ref.name": "latest" },
  };
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

function hashing(): { readonly stream: Transform; digest(): string } {
  const hash = createHash("sha256");
  const stream = new Transform({
    highWaterMark: CHUNK,
    transform(chunk: Uint8Array, _, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  return { stream, digest: () => hash.digest("hex") };
}

/** The tar in large pieces. */
function* tarChunks(entries: Iterable<SyntheticEntry>): Generator<Buffer> {
  let chunk = Buffer.alloc(CHUNK);
  let used = 0;
  const words = madeUpWords();
  let number = 0;
  const room = function* (size: number): Generator<Buffer> {
    if (used + size <= CHUNK) return;
    yield chunk.subarray(0, used);
    chunk = Buffer.alloc(CHUNK);
    used = 0;
  };
  for (const { path, size = 0 } of entries) {
    yield* room(BLOCK);
    writeHeader(chunk, used, path, size);
    used += BLOCK;
    number++;
    for (let left = size, at = number * 977; left > 0; at += CHUNK / 2 + 13) {
      const piece = Math.min(left, CHUNK / 2);
      yield* room(piece + BLOCK);
      words.copy(chunk, used, at % (words.length - CHUNK), (at % (words.length - CHUNK)) + piece);
      // So that no two files are alike.
      if (piece >= 8) chunk.writeUInt32LE(number, used);
      used += piece;
      left -= piece;
    }
    used += -size & (BLOCK - 1);
  }
  yield* room(2 * BLOCK);
  yield chunk.subarray(0, used + 2 * BLOCK);
}

/** 4 MiB that compress about as well as programs do. */
function madeUpWords(): Buffer {
  const bytes = Buffer.alloc(4 << 20);
  let state = 1;
  const random = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  for (let at = 0; at < bytes.length; ) {
    const run = 3 + random(13);
    if (at > 70_000 && random(3) > 0) {
      const from = at - 1 - random(65_000);
      bytes.copyWithin(at, from, from + run);
    } else {
      for (let i = 0; i < run; i++) bytes[at + i] = random(200);
    }
    at += run;
  }
  return bytes;
}

/** A ustar header (POSIX 1003.1, pax interchange format). */
function writeHeader(chunk: Buffer, at: number, path: string, size: number): void {
  const header = chunk.subarray(at, at + BLOCK);
  header.write(path, 0, "latin1");
  header.write(path.endsWith("/") ? "0000755\0" : "0000644\0", 100, "latin1");
  header.write("0000000\x000000000\0", 108, "latin1");
  header.write(`${size.toString(8).padStart(11, "0")} `, 124, "latin1");
  header.write("14500000000 ", 136, "latin1");
  header.write("        ", 148, "latin1");
  header.write(path.endsWith("/") ? "5" : "0", 156, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}
