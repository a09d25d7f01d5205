import { ShellUnsupported } from "./syntax.ts";

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A script's text. Throws `ShellUnsupported` for bytes that no text of ours can hold. */
export function decodeScript(content: Uint8Array, file: string): string {
  try {
    const text = UTF8.decode(content);
    if (!text.includes("\0")) return text;
  } catch {
    // Not UTF-8.
  }
  throw new ShellUnsupported("bytes that are not UTF-8", 1, file);
}
