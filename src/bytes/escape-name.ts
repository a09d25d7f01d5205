import { type ByteString, displayBytes } from "./byte-string.ts";

// RFC 3629 §4: what is a character in UTF-8; else one byte.
const UNITS =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\s\S]/g;
/** Controls, format characters, what has no meaning, and separators of lines. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/u;
const LETTERS: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\\": "\\\\",
};

/**
 * A name of a file on one line, fit for a terminal: as `ls --escape` writes it, but that spaces stay. Backslashes are
 * escaped, what cannot be seen and what is not UTF-8 is in C's escapes, a byte each (`\033`, `\377`): no two names
 * look alike.
 */
export function escapeName(name: ByteString): ByteString {
  // Nearly all names end here.
  if (/^[\x20-\x5b\x5d-\x7e]*$/.test(name)) return name;
  return name.replace(UNITS, (unit) => {
    const letter = LETTERS[unit];
    if (letter !== undefined) return letter;
    const visible = unit.length === 1 ? unit >= " " && unit < "\x7f" : !INVISIBLE.test(displayBytes(unit));
    return visible ? unit : Array.from(unit, octal).join("");
  });
}

function octal(byte: string): string {
  return `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`;
}
