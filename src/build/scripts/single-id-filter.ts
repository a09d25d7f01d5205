/** A system call by its number on one architecture, and which argument is a file's mode. */
interface Call {
  readonly number: number;
  readonly modeArgument?: number;
}

interface Architecture {
  /** linux/audit.h */
  readonly audit: number;
  readonly calls: readonly Call[];
}

const plain = (...numbers: number[]): Call[] => numbers.map((number) => ({ number }));

/** chown and its kin, setuid and its kin, setgroups; mknod, which is about devices only where the mode says so. */
const ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, Architecture>>> = {
  // arch/x86/entry/syscalls/syscall_64.tbl
  x64: {
    audit: 0xc000_003e,
    calls: [
      ...plain(92, 93, 94, 260, 105, 106, 113, 114, 116, 117, 119, 122, 123),
      { number: 133, modeArgument: 1 },
      { number: 259, modeArgument: 2 },
    ],
  },
  // include/uapi/asm-generic/unistd.h
  arm64: {
    audit: 0xc000_00b7,
    calls: [...plain(54, 55, 143, 144, 145, 146, 147, 149, 151, 152, 159), { number: 33, modeArgument: 2 }],
  },
};

// linux/bpf_common.h: loads are 32 bits at an absolute place, jumps compare with a constant.
const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP = 0x05;
const AND = 0x54;
const RETURN = 0x06;
// linux/seccomp.h; struct seccomp_data is number, architecture, instruction pointer, six arguments of 64 bits.
const ALLOW = 0x7fff_0000;
const SUCCEED = 0x0005_0000;
const NUMBER = 0;
const AUDIT = 4;
const ARGUMENTS = 16;

const FILE_TYPE = 0o170000;
const CHARACTER_DEVICE = 0o020000;
const BLOCK_DEVICE = 0o060000;

type Step =
  | readonly [code: number, value: number]
  /** Goes on at a label, counted forward; undefined is the next step. */
  | { readonly code: number; readonly value: number; readonly yes?: Label; readonly no?: Label };
type Label = "allow" | "succeed" | "mode1" | "mode2" | "mode";

/**
 * A seccomp filter under which calls that would change owners, identities or make devices do nothing and succeed:
 * package managers make them all the time, and where root alone is mapped they can but fail. What is owned then is
 * root's. Undefined on architectures whose numbers are not known here.
 */
export function singleIdFilter(architecture: NodeJS.Architecture = process.arch): Uint8Array | undefined {
  const known = ARCHITECTURES[architecture];
  if (known === undefined) return undefined;
  const steps: Step[] = [
    [LOAD, AUDIT],
    // Programs of another architecture, as 32-bit ones, go unhindered.
    { code: JUMP_EQUAL, value: known.audit, no: "allow" },
    [LOAD, NUMBER],
  ];
  for (const { number, modeArgument } of known.calls) {
    const yes: Label = modeArgument === undefined ? "succeed" : modeArgument === 1 ? "mode1" : "mode2";
    steps.push({ code: JUMP_EQUAL, value: number, yes });
  }
  const labels = new Map<Label, number>();
  const label = (name: Label) => labels.set(name, steps.length);
  label("allow");
  steps.push([RETURN, ALLOW]);
  label("mode1");
  steps.push([LOAD, ARGUMENTS + 8], { code: JUMP, value: 0, yes: "mode" });
  label("mode2");
  steps.push([LOAD, ARGUMENTS + 16]);
  label("mode");
  steps.push([AND, FILE_TYPE], { code: JUMP_EQUAL, value: CHARACTER_DEVICE, yes: "succeed" });
  // Allowed here again, as jumps only lead forward.
  steps.push({ code: JUMP_EQUAL, value: BLOCK_DEVICE, yes: "succeed" }, [RETURN, ALLOW]);
  label("succeed");
  steps.push([RETURN, SUCCEED]);
  return encode(steps, labels);
}

/** `struct sock_filter`: code, two jump distances, value. */
function encode(steps: readonly Step[], labels: ReadonlyMap<Label, number>): Uint8Array {
  const bytes = Buffer.alloc(steps.length * 8);
  steps.forEach((step, index) => {
    const at = index * 8;
    const distance = (name: Label | undefined) => (name === undefined ? 0 : (labels.get(name) as number) - index - 1);
    if ("code" in step) {
      bytes.writeUInt16LE(step.code, at);
      if (step.code === JUMP) {
        bytes.writeUInt32LE(distance(step.yes), at + 4);
        return;
      }
      bytes[at + 2] = distance(step.yes);
      bytes[at + 3] = distance(step.no);
      bytes.writeUInt32LE(step.value, at + 4);
    } else {
      bytes.writeUInt16LE(step[0], at);
      bytes.writeUInt32LE(step[1], at + 4);
    }
  });
  return bytes;
}
