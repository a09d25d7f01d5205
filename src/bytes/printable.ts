/**
 * Text from outside, fit for a terminal and for one line: control characters, format characters (which
 * turn the direction of text round or hide), line and paragraph separators appear as JSON escapes them,
 * `\u202e`, so that JSON stays the JSON that it was. Tabs stay.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escapeUnits);
}

/** `printable`, line by line. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** Text from outside within a message: in double quotes, printable. */
export function quote(text: unknown): string {
  return printable(JSON.stringify(String(text)));
}

const UNPRINTABLE = /(?!\t)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function escapeUnits(character: string): string {
  let escaped = "";
  for (let i = 0; i < character.length; i++) escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
  return escaped;
}
