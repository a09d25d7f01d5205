/**
 * Architecture codes of header and partitions: stored as two ASCII digits and a zero byte. Keys are Go's
 * GOARCH names. loong64 came with a newer SIF module; Apptainer 1.4.5 prints it as unknown.
 */
export const SifArch = {
  unknown: 0,
  386: 1,
  amd64: 2,
  arm: 3,
  arm64: 4,
  ppc64: 5,
  ppc64le: 6,
  mips: 7,
  mipsle: 8,
  mips64: 9,
  mips64le: 10,
  s390x: 11,
  riscv64: 12,
  loong64: 13,
} as const;

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

const NODE_TO_GO: Readonly<Record<string, string>> = {
  ia32: "386",
  x64: "amd64",
  loong64: "loong64",
  mips: "mips",
  mipsel: "mipsle",
  ppc64: process.arch === "ppc64" && isBigEndian() ? "ppc64" : "ppc64le",
};

function isBigEndian(): boolean {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 0;
}

/** GOARCH name of the machine this runs on. */
export function hostArch(): string {
  return NODE_TO_GO[process.arch] ?? process.arch;
}
