/**
 * Bytes as a string: one UTF-16 unit per byte, 0x00–0xff ("latin1"). Names in a tar need not be UTF-8;
 * in this form they compare bytewise, split, and serve as Map keys, and nothing is lost.
 */
export type ByteString = string;

/** UTF-8 text as the bytes that encode it. */
export function toByteString(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** For messages: the bytes as text, what is not UTF-8 as U+FFFD. */
export function displayBytes(bytes: ByteString): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
