import { type ByteString, toByteString } from "./byte-string.ts";

/** A path below a directory as the kernel takes it: bytes, for names in an image need not be UTF-8. */
export function bytePath(directory: string, path: ByteString): Buffer {
  return Buffer.from(path === "" ? toByteString(directory) : `${toByteString(directory)}/${path}`, "latin1");
}
