/** Tar blocks written field by field, for what no tar program writes on request. Strings are bytes (latin1). */
export interface HeaderFields {
  readonly name?: string;
  readonly type?: string;
  readonly size?: number | string | Uint8Array;
  readonly mode?: number | string;
  readonly uid?: number | string | Uint8Array;
  readonly gid?: number | string | Uint8Array;
  readonly mtime?: number | string | Uint8Array;
  readonly linkName?: string;
  readonly magic?: "ustar" | "gnu" | "v7";
  readonly prefix?: string;
  readonly deviceMajor?: number | string;
  readonly deviceMinor?: number | string;
  /** Bytes laid over the block before the checksum is computed: offset and text. */
  readonly raw?: readonly (readonly [number, string | Uint8Array])[];
  readonly checksum?: "unsigned" | "signed" | "wrong";
}

const MAGIC = { ustar: "ustar\x0000", gnu: "ustar  \0", v7: "" };

export function header(fields: HeaderFields = {}): Buffer {
  const block = Buffer.alloc(512);
  const number = (value: number | string | Uint8Array, offset: number, size: number) => {
    if (typeof value === "number") block.write(value.toString(8).padStart(size - 1, "0"), offset, size, "latin1");
    else if (typeof value === "string") block.write(value, offset, size, "latin1");
    else block.set(value, offset);
  };
  block.write(fields.name ?? "name", 0, 100, "latin1");
  number(fields.mode ?? 0o644, 100, 8);
  number(fields.uid ?? 0, 108, 8);
  number(fields.gid ?? 0, 116, 8);
  number(fields.size ?? 0, 124, 12);
  number(fields.mtime ?? 0, 136, 12);
  block.write(fields.type ?? "0", 156, 1, "latin1");
  block.write(fields.linkName ?? "", 157, 100, "latin1");
  const magic = fields.magic ?? "ustar";
  block.write(MAGIC[magic], 257, 8, "latin1");
  if (magic !== "v7") {
    number(fields.deviceMajor ?? 0, 329, 8);
    number(fields.deviceMinor ?? 0, 337, 8);
  }
  block.write(fields.prefix ?? "", 345, 155, "latin1");
  for (const [offset, bytes] of fields.raw ?? []) block.set(Buffer.from(bytes as string, "latin1"), offset);
  block.fill(" ", 148, 156);
  let sum = 0;
  for (const byte of block) sum += fields.checksum === "signed" && byte >= 0x80 ? byte - 256 : byte;
  if (fields.checksum === "wrong") sum++;
  block.write(`${(sum >>> 0).toString(8).slice(-6).padStart(6, "0")}\0 `, 148, 8, "latin1");
  return block;
}

/** Filled up with zeros to whole blocks. */
export function pad(data: string | Uint8Array): Buffer {
  const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 511)]);
}

/** An entry with content; its size field says so unless given. */
export function entry(fields: HeaderFields, data: string | Uint8Array = ""): Buffer {
  return Buffer.concat([header({ size: data.length, ...fields }), pad(data)]);
}

export function record(keyword: string, value: string): string {
  const rest = ` ${keyword}=${value}\n`;
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return `${length}${rest}`;
}

/** An extended header, "x" for the next entry or "g" for all that follow. */
export function pax(records: Readonly<Record<string, string>> | string, type: "x" | "g" | "X" = "x"): Buffer {
  const text =
    typeof records === "string"
      ? records
      : Object.entries(records)
          .map(([keyword, value]) => record(keyword, value))
          .join("");
  return entry({ name: "PaxHeaders/x", type }, text);
}

/** GNU's long name ("L") or long link ("K"), with the NUL that GNU tar ends it with. */
export function longName(type: "L" | "K", name: string): Buffer {
  return entry({ name: "././@LongLink", type, magic: "gnu" }, `${name}\0`);
}

/** GNU's base-256 form, two's complement, most significant byte first. */
export function base256(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = BigInt.asUintN(size * 8, value);
  for (let i = size - 1; i >= 0; i--, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  bytes[0] = (bytes[0]! & 0x7f) | 0x80;
  return bytes;
}

export const END: Buffer = Buffer.alloc(1024);

export function tar(...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([...parts, END]);
}
