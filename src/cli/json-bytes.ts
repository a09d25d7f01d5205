import { isUtf8 } from "node:buffer";
import { type ByteString, displayBytes } from "../index.ts";

/**
 * Bytes of an image as a member of JSON: text, and where they are not UTF-8, so that the text has lost some, the bytes
 * as well in base64: `path` and `pathBase64`.
 */
export function jsonBytes(name: string, bytes: ByteString): Readonly<Record<string, string>> {
  const buffer = Buffer.from(bytes, "latin1");
  const text = { [name]: displayBytes(bytes) };
  return isUtf8(buffer) ? text : { ...text, [`${name}Base64`]: buffer.toString("base64") };
}
