/** Codes of CPUs as a SIF stores them, by Go's names (GOARCH). */
export const ARCH_CODES = {
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

/** Node's names where Go has others. */
const NODE_TO_GO: Readonly<Record<string, string>> = {
  ia32: "386",
  x64: "amd64",
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
