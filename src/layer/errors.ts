import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type LayerErrorCode =
  | "BLOB_DIGEST_MISMATCH"
  | "BLOB_SIZE_MISMATCH"
  | "BLOB_READ_FAILED"
  | "DIFF_ID_MISMATCH"
  | "LAYER_CORRUPT"
  | "LAYER_TRAILING_GARBAGE"
  | "LAYER_COMPRESSION_UNSUPPORTED"
  | "LAYER_LIMIT_EXCEEDED"
  | "LAYER_THREAD_FAILED";

const REBUILD = "The image itself is damaged; have it built and pushed anew.";

const MESSAGES: MessageTable<LayerErrorCode> = {
  BLOB_DIGEST_MISMATCH: (d) =>
    `Blob ${d.digest} is not what it is named: its ${d.size} bytes have the digest ${d.seen}. The source or the way from it altered it; try again, and report it to the registry if it stays so.`,
  BLOB_SIZE_MISMATCH: (d) =>
    Number(d.seen) < Number(d.size)
      ? `Blob ${d.digest} is truncated: it ends after ${d.seen} of ${d.size} bytes. Try again; if it stays so, the source holds a damaged copy.`
      : `Blob ${d.digest} is longer than the ${d.size} bytes that the manifest states: ${d.seen} have come. The source does not hold what the manifest names.`,
  BLOB_READ_FAILED: (d) =>
    `Cannot read blob ${d.digest} at byte ${d.offset}: ${d.reason}. Try again; check the source and the way to it.`,
  DIFF_ID_MISMATCH: (d) =>
    `Layer ${d.digest} does not hold the tar that the image config names: that is ${d.diffId}, the ${d.size} bytes in it have ${d.seen}. ${REBUILD}`,
  LAYER_CORRUPT: (d) =>
    `Cannot decompress layer ${d.digest}: its ${d.compression} data is damaged at byte ${d.offset} of the blob, or soon after: ${d.reason}. Try again; if it stays so, the image itself is damaged: have it built and pushed anew.`,
  LAYER_TRAILING_GARBAGE: (d) =>
    `Cannot decompress layer ${d.digest}: bytes that are not ${d.compression} data follow its end, at byte ${d.offset} of the blob or soon after. ${REBUILD}`,
  LAYER_COMPRESSION_UNSUPPORTED: (d) =>
    `Cannot decompress layer ${d.digest}: it begins like ${d.seen} data. Image layers are stored as gzip, zstd or plain tar; have the image pushed with one of them.`,
  LAYER_LIMIT_EXCEEDED: (d) =>
    `Refusing to decompress layer ${d.digest} past byte ${d.offset} of the blob: its ${d.field} is ${d.seen}, over the limit of ${d.limit}. It looks like a decompression bomb.`,
  LAYER_THREAD_FAILED: (d) =>
    `The thread that decompresses layer ${d.digest} ended: ${d.reason}. If memory is short, use fewer processors; otherwise please report it.`,
};

/** A blob that is not what its descriptor says, or that does not decompress. `digest` names the blob. */
export class LayerError extends SifonError {
  declare readonly code: LayerErrorCode;

  constructor(code: LayerErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
