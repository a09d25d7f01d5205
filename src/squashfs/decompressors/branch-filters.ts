/**
 * The "BCJ" filters of xz, undone: compressors like code better when calls name where they go, not how far.
 * Each replaces absolute by relative addresses, in place, over a whole block. Rules as in the .xz format and
 * its reference implementation; `start` is the address that the first byte was taken to have.
 */
export type BranchFilter = (bytes: Uint8Array, start: number) => void;

/** By filter id of the .xz format, §5.3.2. */
export const BRANCH_FILTERS: ReadonlyMap<number, BranchFilter> = new Map([
  [0x04, undoX86],
  [0x05, undoPowerPc],
  [0x06, undoIa64],
  [0x07, undoArm],
  [0x08, undoArmThumb],
  [0x09, undoSparc],
  [0x0a, undoArm64],
]);

/** By the last three bytes' marks: how many bytes a call may be a false one's operand. */
const X86_CHECKED_BYTE = [0, 1, 2, 2, 3, 3, 3, 3] as const;
const X86_ALLOWED = [true, true, true, false, true, false, false, false] as const;

/** CALL and JMP (0xe8, 0xe9) with an operand whose top byte is 0x00 or 0xff. */
function undoX86(bytes: Uint8Array, start: number): void {
  const view = viewOf(bytes);
  const isSignByte = (byte: number | undefined): boolean => byte === 0 || byte === 0xff;
  let previous = -1;
  // Opcode bytes met in the last three places: what looks like a call may be another's operand.
  let marks = 0;
  for (let i = 0; i + 4 < bytes.length; i++) {
    if (((bytes[i] as number) & 0xfe) !== 0xe8) continue;
    const distance = i - previous;
    previous = i;
    marks = distance > 3 ? 0 : (marks << (distance - 1)) & 7;
    if (marks !== 0) {
      const checked = bytes[i + 4 - (X86_CHECKED_BYTE[marks] as number)];
      if (!X86_ALLOWED[marks] || isSignByte(checked)) {
        marks = (marks << 1) | 1;
        continue;
      }
    }
    if (!isSignByte(bytes[i + 4])) {
      marks = (marks << 1) | 1;
      continue;
    }
    let source = view.getUint32(i + 1, true);
    let target: number;
    for (;;) {
      target = (source - (start + i + 5)) >>> 0;
      if (marks === 0) break;
      const shift = (X86_CHECKED_BYTE[marks] as number) * 8;
      if (!isSignByte((target >>> (24 - shift)) & 0xff)) break;
      source = (target ^ (2 ** (32 - shift) - 1)) >>> 0;
    }
    // 25 bits, sign-extended.
    view.setUint32(i + 1, (target << 7) >> 7, true);
    i += 4;
    // The operand's bytes are no opcodes; the distance to the next one counts from the opcode.
  }
}

/** "bl" with AA = 0 and LK = 1. */
function undoPowerPc(bytes: Uint8Array, start: number): void {
  const view = viewOf(bytes);
  for (let i = 0; i + 4 <= bytes.length; i += 4) {
    const instruction = view.getUint32(i);
    if ((instruction & 0xfc00_0003) >>> 0 !== 0x4800_0001) continue;
    const target = (instruction & 0x03ff_fffc) - (start + i);
    view.setUint32(i, 0x4800_0001 | (target & 0x03ff_fffc));
  }
}

/** Slots of a bundle that hold branches, by template. */
const IA64_BRANCH_SLOTS = [
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4, 6, 6, 0, 0, 7, 7, 4, 4, 0, 0, 4, 4, 0, 0,
] as const;

/** Bundles of 16 bytes: 5 bits of template and three instructions of 41. */
function undoIa64(bytes: Uint8Array, start: number): void {
  for (let i = 0; i + 16 <= bytes.length; i += 16) {
    const slots = IA64_BRANCH_SLOTS[(bytes[i] as number) & 0x1f] as number;
    for (let slot = 0; slot < 3; slot++) {
      if (((slots >> slot) & 1) === 0) continue;
      const bit = 5 + 41 * slot;
      const at = i + (bit >> 3);
      const shift = BigInt(bit & 7);
      let raw = 0n;
      for (let byte = 5; byte >= 0; byte--) raw = (raw << 8n) | BigInt(bytes[at + byte] as number);
      let instruction = raw >> shift;
      if (((instruction >> 37n) & 0xfn) !== 5n || ((instruction >> 9n) & 7n) !== 0n) continue;
      const address = Number(((instruction >> 13n) & 0xf_ffffn) | (((instruction >> 36n) & 1n) << 20n));
      const target = BigInt((((address << 4) - (start + i)) >>> 4) & 0x1f_ffff);
      instruction &= ~(0x8f_ffffn << 13n);
      instruction |= ((target & 0xf_ffffn) << 13n) | ((target & 0x10_0000n) << 16n);
      raw = (raw & ((1n << shift) - 1n)) | (instruction << shift);
      for (let byte = 0; byte < 6; byte++) bytes[at + byte] = Number((raw >> BigInt(8 * byte)) & 0xffn);
    }
  }
}

/** "bl" without condition. */
function undoArm(bytes: Uint8Array, start: number): void {
  const view = viewOf(bytes);
  for (let i = 0; i + 4 <= bytes.length; i += 4) {
    if (bytes[i + 3] !== 0xeb) continue;
    const address = (view.getUint32(i, true) & 0xff_ffff) << 2;
    const target = (address - (start + i + 8)) >>> 2;
    view.setUint32(i, (0xeb00_0000 | (target & 0xff_ffff)) >>> 0, true);
  }
}

/** The pair of half-words that "bl" is. */
function undoArmThumb(bytes: Uint8Array, start: number): void {
  const view = viewOf(bytes);
  for (let i = 0; i + 4 <= bytes.length; i += 2) {
    const high = view.getUint16(i, true);
    const low = view.getUint16(i + 2, true);
    if ((high & 0xf800) !== 0xf000 || (low & 0xf800) !== 0xf800) continue;
    const address = (((high & 0x7ff) << 11) | (low & 0x7ff)) << 1;
    const target = (address - (start + i + 4)) >>> 1;
    view.setUint16(i, 0xf000 | ((target >>> 11) & 0x7ff), true);
    view.setUint16(i + 2, 0xf800 | (target & 0x7ff), true);
    i += 2;
  }
}

/** "call" with a displacement of 22 bits, sign-extended. */
function undoSparc(bytes: Uint8Array, start: number): void {
  const view = viewOf(bytes);
  for (let i = 0; i + 4 <= bytes.length; i += 4) {
    const instruction = view.getUint32(i);
    const top = instruction >>> 22;
    if (top !== 0x100 && top !== 0x1ff) continue;
    const target = ((instruction << 2) - (start + i)) >>> 2;
    view.setUint32(i, ((0x4000_0000 - (target & 0x40_0000)) | 0x4000_0000 | (target & 0x3f_ffff)) >>> 0);
  }
}

/** "bl", and "adrp" within ±512 MiB. */
function undoArm64(bytes: Uint8Array, start: number): void {
  const view = viewOf(bytes);
  for (let i = 0; i + 4 <= bytes.length; i += 4) {
    const instruction = view.getUint32(i, true);
    const pc = start + i;
    if (instruction >>> 26 === 0x25) {
      view.setUint32(i, (0x9400_0000 | ((instruction - (pc >>> 2)) & 0x03ff_ffff)) >>> 0, true);
    } else if ((instruction & 0x9f00_0000) >>> 0 === 0x9000_0000) {
      const address = ((instruction >>> 29) & 3) | ((instruction >>> 3) & 0x1f_fffc);
      if (((address + 0x02_0000) & 0x1c_0000) !== 0) continue;
      const target = address - (pc >>> 12);
      const rest = instruction & 0x9000_001f;
      const sign = (0 - (target & 0x02_0000)) & 0xe0_0000;
      view.setUint32(i, (rest | ((target & 3) << 29) | ((target & 0x03_fffc) << 3) | sign) >>> 0, true);
    }
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
