import type { Compression } from "../wasm/compression.ts";
import { Compressor, LZ4_OPTIONS, METADATA_STORED } from "./format.ts";

/** Code in the superblock. With nothing compressed it is gzip, as mksquashfs -noI -noD -noF -noX has it. */
export function compressorOf(compression: Compression): Compressor {
  return compression.kind === "lz4" ? Compressor.lz4 : Compressor.gzip;
}

/** The metadata block of options behind the superblock. LZ4 must have one; gzip has none for what every reader assumes. */
export function compressorHeader(compression: Compression): Uint8Array {
  if (compression.kind !== "lz4") return new Uint8Array();
  const options = LZ4_OPTIONS.encode({ version: 1, flags: compression.level === "best" ? 1 : 0 });
  const block = new Uint8Array(2 + options.length);
  new DataView(block.buffer).setUint16(0, options.length | METADATA_STORED, true);
  block.set(options, 2);
  return block;
}
