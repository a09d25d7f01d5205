import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { deflateRawSync, gzipSync } from "node:zlib";
import type { Digest } from "../../src/oci/digest.ts";
import type { Layer } from "../../src/oci/image.ts";

export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export interface LayerSpec {
  readonly stored: Uint8Array;
  readonly tar?: Uint8Array;
  readonly digest?: Digest;
  readonly size?: number;
  readonly diffId?: Digest;
  readonly mediaType?: string;
  /** What the source hands out; the stored bytes by default. */
  readonly chunks?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A layer in memory; `streams` are those that it has opened. */
export function layerOf(spec: LayerSpec): Layer & { readonly streams: Readable[] } {
  const { stored, tar } = spec;
  const streams: Readable[] = [];
  return {
    streams,
    descriptor: {
      mediaType: spec.mediaType ?? "application/vnd.oci.image.layer.v1.tar+gzip",
      digest: spec.digest ?? sha256(stored),
      size: spec.size ?? stored.length,
    },
    diffId: spec.diffId ?? (tar && sha256(tar)),
    open: async () => {
      const stream = Readable.from(spec.chunks ?? [stored], { objectMode: false });
      streams.push(stream);
      return stream;
    },
  };
}

/** A gzip member with a name, a comment, an extra field and a header checksum (RFC 1952 §2.3). */
export function gzipWithHeader(data: Uint8Array): Buffer {
  const plain = gzipSync(data);
  const extra = Buffer.from("\x04\x00abcd", "latin1");
  const head = Buffer.concat([
    Buffer.from([0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 3]),
    extra,
    Buffer.from("layer.tar\0a comment\0", "latin1"),
  ]);
  const check = Buffer.alloc(2);
  check.writeUInt16LE(crc32(head) & 0xffff);
  return Buffer.concat([head, check, deflateRawSync(data), plain.subarray(-8)]);
}

function crc32(bytes: Uint8Array): number {
  // gzip's own trailer has the CRC of its content.
  return gzipSync(bytes).readUInt32LE(gzipSync(bytes).length - 8);
}

/** A Zstandard frame of raw blocks, without compressing (RFC 8878 §3.1.1); one segment, or with a window. */
export function zstdFrame(data: Uint8Array, blockSize = 1000): Buffer {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(0xfd2fb528);
  // Frame_Content_Size of four bytes, Single_Segment, no checksum.
  head[4] = 0xa0;
  head.writeUInt32LE(data.length, 5);
  const parts: Uint8Array[] = [head];
  for (let at = 0; at === 0 || at < data.length; at += blockSize) {
    const block = data.subarray(at, at + blockSize);
    const isLast = at + blockSize >= data.length;
    const blockHead = Buffer.alloc(3);
    blockHead.writeUIntLE((block.length << 3) | (isLast ? 1 : 0), 0, 3);
    parts.push(blockHead, block);
  }
  return Buffer.concat(parts);
}

/** A frame that expands 4 bytes to 128 KiB, over and over: RLE blocks in a window of 128 KiB. */
export function zstdBomb(blockCount: number): Buffer {
  // Window_Descriptor: exponent 7, 2^17 bytes.
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 7 << 3]);
  const block = Buffer.alloc(4);
  block.writeUIntLE((131072 << 3) | (1 << 1), 0, 3);
  const last = Buffer.from([1, 0, 0]);
  return Buffer.concat([head, Buffer.alloc(4 * blockCount, block), last]);
}

/** A frame header that asks for a window of 2^`log` bytes, with one empty block. */
export function zstdWindow(log: number): Buffer {
  return Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (log - 10) << 3, 1, 0, 0]);
}

export function skippableFrame(size: number): Buffer {
  const frame = Buffer.alloc(8 + size, "skip");
  frame.writeUInt32LE(0x184d2a57);
  frame.writeUInt32LE(size, 4);
  return frame;
}
