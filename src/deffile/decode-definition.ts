import { DeffileError } from "./errors.ts";

/**
 * The text of a definition file.
 * @throws DeffileError DEFINITION_INVALID where it is not UTF-8, or an image or another binary file
 */
export function decodeDefinition(bytes: Uint8Array, name: string): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new DeffileError("DEFINITION_INVALID", { name, problems: [notText(bytes)], cause });
  }
  const zero = text.indexOf("\0");
  if (zero < 0) return text;
  const line = text.slice(0, zero).split("\n").length;
  throw new DeffileError("DEFINITION_INVALID", {
    name,
    problems: [{ line, seen: "a zero byte", expected: "a definition file, which is text" }],
  });
}

/** Finds the line: each line end is a character of its own in UTF-8, so lines are decoded one by one. */
function notText(bytes: Uint8Array): { line: number; seen: string; expected: string } {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1").split("\n");
  const isBad = (line: string) => {
    const raw = Buffer.from(line, "latin1");
    return !Buffer.from(raw.toString("utf8"), "utf8").equals(raw);
  };
  return { line: lines.findIndex(isBad) + 1, seen: "bytes that are not UTF-8", expected: "text in UTF-8" };
}
