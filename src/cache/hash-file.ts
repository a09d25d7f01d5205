import type { Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { createDigestHash, type Digest, digestAlgorithm } from "../oci/digest.ts";

/** 1 MiB: large enough that the calls do not count, small beside the pipe's own buffers. */
export const READ_SIZE: number = 1 << 20;

/** The digest of a file's bytes, by the algorithm of `like`. */
export async function hashFile(file: FileHandle, like: Digest, signal?: AbortSignal): Promise<Digest> {
  const hash = createDigestHash(like);
  await hashInto(hash, file, signal);
  return `${digestAlgorithm(like)}:${hash.digest("hex")}`;
}

/** Feeds a file from its first byte to its end into a hash; gives how many bytes there were. */
export async function hashInto(hash: Hash, file: FileHandle, signal?: AbortSignal): Promise<number> {
  const chunk = Buffer.allocUnsafe(READ_SIZE);
  for (let offset = 0; ; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset);
    if (bytesRead === 0) return offset;
    hash.update(chunk.subarray(0, bytesRead));
    offset += bytesRead;
  }
}
