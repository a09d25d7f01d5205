import { ARCH_CODES } from "../bytes/architecture.ts";

/**
 * Architecture codes of header and partitions: stored as two ASCII digits and a zero byte. Keys are Go's
 * GOARCH names. loong64 came with a newer SIF module; Apptainer 1.4.5 prints it as unknown.
 */
export const SifArch: { readonly unknown: 0 } & typeof ARCH_CODES = { unknown: 0, ...ARCH_CODES };

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(SifArch).map(([name, code]) => [code, name]));

/** GOARCH name of a code; "unknown" for codes without one. */
export function archName(code: number): string {
  return NAMES.get(code) ?? "unknown";
}

/** Code of a GOARCH name; 0 for names that SIF has no code for. */
export function archCode(goArch: string): number {
  return Object.hasOwn(SifArch, goArch) ? SifArch[goArch as keyof typeof SifArch] : SifArch.unknown;
}

/** The three bytes that header and partition extra hold. */
export function encodeArch(code: number): Uint8Array {
  if (!Number.isInteger(code) || code < 0 || code > 99) throw new RangeError(`architecture code ${code} is not 0…99`);
  return new Uint8Array(Buffer.from(`${String(code).padStart(2, "0")}\0`, "latin1"));
}

/** Code in three stored bytes; 0 where they are not two digits. */
export function decodeArch(stored: Uint8Array): number {
  const text = Buffer.from(stored).toString("latin1", 0, 2);
  return /^\d\d$/.test(text) ? Number(text) : SifArch.unknown;
}
