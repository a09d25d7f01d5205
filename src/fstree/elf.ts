import { ARCH_CODES } from "../bytes/architecture.ts";

/** Bytes of a file that {@link readElfArch} looks at: to the end of e_machine. */
export const ELF_HEAD_SIZE = 20;

const EI_CLASS = 4;
const EI_DATA = 5;
const E_MACHINE = 18;

/**
 * SIF architecture codes by ELF e_machine, class (32, 64) and byte order. The machines are those that Go has names for (System V ABI, chapter 4, and its processor supplements).
 */
const ARCHITECTURES: Readonly<Record<string, number>> = {
  "3/32/little": ARCH_CODES[386],
  "62/64/little": ARCH_CODES.amd64,
  "40/32/little": ARCH_CODES.arm,
  "183/64/little": ARCH_CODES.arm64,
  "21/64/big": ARCH_CODES.ppc64,
  "21/64/little": ARCH_CODES.ppc64le,
  "8/32/big": ARCH_CODES.mips,
  "8/32/little": ARCH_CODES.mipsle,
  "8/64/big": ARCH_CODES.mips64,
  "8/64/little": ARCH_CODES.mips64le,
  "22/64/big": ARCH_CODES.s390x,
  "243/64/little": ARCH_CODES.riscv64,
  "258/64/little": ARCH_CODES.loong64,
};

/** The SIF architecture code of a file that begins with `head`; 0 where it is no ELF file or one for another machine. */
export function readElfArch(head: Uint8Array): number {
  if (head.length < ELF_HEAD_SIZE) return 0;
  if (head[0] !== 0x7f || head[1] !== 0x45 || head[2] !== 0x4c || head[3] !== 0x46) return 0;
  const bits = head[EI_CLASS] === 1 ? 32 : head[EI_CLASS] === 2 ? 64 : 0;
  const isLittle = head[EI_DATA] === 1;
  if (bits === 0 || (!isLittle && head[EI_DATA] !== 2)) return 0;
  const first = head[E_MACHINE] as number;
  const second = head[E_MACHINE + 1] as number;
  const machine = isLittle ? first | (second << 8) : (first << 8) | second;
  return ARCHITECTURES[`${machine}/${bits}/${isLittle ? "little" : "big"}`] ?? 0;
}
