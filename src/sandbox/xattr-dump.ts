import type { ByteString } from "../bytes/byte-string.ts";
import type { Xattr } from "../bytes/file-body.ts";

/** `getfattr -R -d -e hex` and `setfattr --restore` share this form: a path, attributes below it, an empty line. */
const PATH_LINE = "# file: ";

/** Attributes by path, read from what getfattr wrote; names and paths have their odd bytes as `\ooo`. */
export function parseXattrDump(dump: ByteString): Map<ByteString, Xattr[]> {
  const found = new Map<ByteString, Xattr[]>();
  let current: Xattr[] = [];
  for (const line of dump.split("\n")) {
    if (line.startsWith(PATH_LINE)) {
      current = [];
      found.set(unquote(line.slice(PATH_LINE.length)), current);
      continue;
    }
    const equals = line.indexOf("=0x");
    if (equals > 0) {
      current.push({ name: unquote(line.slice(0, equals)), value: Buffer.from(line.slice(equals + 3), "hex") });
    } else if (line !== "" && !line.startsWith("#")) {
      const name = line.replace(/=$/, "");
      current.push({ name: unquote(name), value: new Uint8Array() });
    }
  }
  return found;
}

/** The attributes of one path as setfattr reads them. */
export function formatXattrs(path: ByteString, xattrs: readonly Xattr[]): ByteString {
  const lines = xattrs.map(({ name, value }) => {
    const hex = Buffer.from(value.buffer, value.byteOffset, value.length).toString("hex");
    return `${quote(name)}=${hex === "" ? "" : `0x${hex}`}`;
  });
  return `${PATH_LINE}${quote(path)}\n${lines.join("\n")}\n\n`;
}

function quote(name: ByteString): ByteString {
  return name.replace(/[\\\n\r=]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

function unquote(text: ByteString): ByteString {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
