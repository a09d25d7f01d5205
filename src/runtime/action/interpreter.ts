/** How much of a program is looked at: the kernel's own limit of a `#!` line is 256 bytes, ELF headers come first. */
export const PROGRAM_HEAD_SIZE = 4096;

const PT_INTERP = 3;

/**
 * The program that the kernel starts in the place of a file that begins with `head`: of a script that of its `#!` line,
 * of a dynamically linked ELF file its loader (System V ABI, chapter 5). A path as text, as `FileTree` has them;
 * undefined where there is none.
 */
export function interpreterOf(head: Uint8Array): string | undefined {
  if (head[0] === 0x23 && head[1] === 0x21) {
    const [line = ""] = Buffer.from(head.subarray(2, 256)).toString("utf8").split("\n");
    return /^[ \t]*([^ \t]+)/.exec(line)?.[1];
  }
  const isElf = head.length >= 64 && head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
  return isElf ? elfInterpreter(head) : undefined;
}

function elfInterpreter(head: Uint8Array): string | undefined {
  const is64 = head[4] === 2;
  const isLittle = head[5] === 1;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const word = (offset: number) =>
    is64 ? Number(view.getBigUint64(offset, isLittle)) : view.getUint32(offset, isLittle);
  const table = word(is64 ? 32 : 28);
  const entrySize = view.getUint16(is64 ? 54 : 42, isLittle);
  const count = view.getUint16(is64 ? 56 : 44, isLittle);
  for (let index = 0; index < count; index++) {
    const entry = table + index * entrySize;
    if (entry + (is64 ? 40 : 20) > head.length) return undefined;
    if (view.getUint32(entry, isLittle) !== PT_INTERP) continue;
    const offset = word(entry + (is64 ? 8 : 4));
    const size = word(entry + (is64 ? 32 : 16));
    if (offset + size > head.length) return undefined;
    return Buffer.from(head.subarray(offset, offset + size))
      .toString("utf8")
      .replace(/\0.*$/s, "");
  }
  return undefined;
}
