import { trimEnd } from "../../bytes/trim-end.ts";

const BEGIN = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE = "-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE = "-----END PGP SIGNATURE-----";
/** RFC 9580 §6.2: at most 76 columns; Go's writers use 64, which Apptainer's files show. */
const COLUMNS = 64;

/** Most lines of a text and its signature; the message is one line, and a MiB in base64 has 17,000. */
const MAX_LINES = 20_000;

/** A clear-signed text taken apart. */
export interface ClearText {
  /** What was signed, dash escapes removed; lines end with "\n", the last one without. */
  readonly text: string;
  /** Its signature packets; none where they are no base64. */
  readonly signature: Uint8Array;
}

/** Undefined where there is no such text (RFC 9580 §7). */
export function parseClearText(content: Uint8Array): ClearText | undefined {
  const lines = Buffer.from(content)
    .toString("utf8")
    .split(/\r?\n/, MAX_LINES + 1);
  if (lines.length > MAX_LINES) return undefined;
  const begin = lines.indexOf(BEGIN);
  const blank = lines.indexOf("", begin + 1);
  const middle = lines.indexOf(BEGIN_SIGNATURE, blank + 1);
  const end = lines.indexOf(END_SIGNATURE, middle + 1);
  if (begin < 0 || blank < 0 || middle < 0 || end < 0) return undefined;
  const body = lines.slice(blank + 1, middle).map((line) => trimEnd(line.replace(/^- /, ""), " \t"));
  const armor = lines.slice(middle + 1, end);
  // A checksum line (RFC 4880 §6.1) begins with "=", as no line of data does. It proves nothing a signature does not.
  const base64 = armor.slice(armor.indexOf("") + 1).filter((line) => !line.startsWith("="));
  const joined = base64.join("").trim();
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(joined)) return { text: body.join("\n"), signature: new Uint8Array() };
  return { text: body.join("\n"), signature: Buffer.from(joined, "base64") };
}

/** The text with its signature, as Apptainer writes it: no checksum, no line end after the last line. */
export function formatClearText({ text, signature }: ClearText, hashName: string): string {
  const escaped = text.replace(/^-/gm, "- -");
  return `${BEGIN}\nHash: ${hashName}\n\n${escaped}\n${armor("SIGNATURE", signature)}`;
}

/** ASCII armor without the optional checksum; no line end after the last line. */
export function armor(kind: "SIGNATURE" | "PUBLIC KEY BLOCK" | "PRIVATE KEY BLOCK", bytes: Uint8Array): string {
  const base64 = Buffer.from(bytes).toString("base64");
  const lines = base64.match(new RegExp(`.{1,${COLUMNS}}`, "g")) ?? [];
  return [`-----BEGIN PGP ${kind}-----`, "", ...lines, `-----END PGP ${kind}-----`].join("\n");
}
