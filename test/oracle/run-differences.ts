import type { Row } from "./run-invocations.ts";
import { type HostNamespaces, settleProbe } from "./run-probe.ts";
import type { Who } from "./run-stage.ts";

/** Whose words they are, and in which row. */
interface Occasion {
  readonly program: "apptainer" | "sifon";
  readonly row: Row;
  readonly who: Who;
  readonly namespaces: HostNamespaces;
}

/** What the programs say or show otherwise, by decision or by chance, and why; nothing else may differ. */
interface Difference {
  readonly why: string;
  readonly of: readonly Occasion["program"][];
  readonly text: RegExp;
  readonly becomes?: string;
  /** Only in rows whose call has one of these words. */
  readonly words?: readonly string[];
  /** Only in these rows. */
  readonly in?: (occasion: Occasion) => boolean;
}

const BOTH = ["apptainer", "sifon"] as const;
const NEW_DEV = { words: ["--contain", "--containall", "--compat"] } as const;

const DIFFERENCES: readonly Difference[] = [
  {
    why: "programs that neither the image nor the call needs",
    ...{ of: ["apptainer"], text: /^INFO: {4}(fuse2fs|gocryptfs) not found, .*\n/gm },
  },
  {
    why: "Apptainer waits for its FUSE programs, on a machine with much to do in vain",
    ...{
      of: ["apptainer"],
      text: /^INFO: {4}(Terminating squashfuse_ll after timeout|Timeouts can be caused by .*)\n/gm,
    },
  },
  {
    why: "Apptainer has mounts to clean up where it refuses something",
    ...{ of: ["apptainer"], text: /^INFO: {4}Cleanup error: .*\n/gm },
  },
  {
    why: "Apptainer tells the column of what cannot be evaluated, too",
    ...{ of: ["apptainer"], text: /(?<=^(?:eval|source: \S+?): ?\d+):\d+(?=: )/gm },
  },
  {
    why: "its runscript without a command is the shell's `set`, which tells the number of its parent",
    ...{ of: BOTH, text: /^PPID='?\d+'?\n/gm },
  },
  {
    why: "what a script lacks is named; Apptainer looks at the interpreter's architecture first",
    ...{ of: BOTH, text: /^FATAL: {3}.*\/bin\/sh(: no such file or directory| is not in the container)$/gm },
    ...{ becomes: "FATAL: no interpreter", words: ["test"] },
  },
  {
    why: "a refusal says what to do",
    ...{ of: ["sifon"], text: /(?<=^FATAL: .* in conjunction with --writable): leave one of them out$/gm },
  },
  {
    why: "each calls itself by its name",
    ...{ of: ["sifon"], text: /(?<=^WARNING: By using --writable, )Sifon/gm, becomes: "Apptainer" },
  },
  {
    why: "of a directory of another user's, Apptainer puts folders of the caller's on top, to mount things on",
    ...{ of: BOTH, text: /^\/(etc|home)?: d.*$/gm, becomes: "a folder" },
    in: ({ row, who }) => row.form === "sandbox" && who === "user",
  },
  {
    why: "a new /dev is bubblewrap's: it has full and core, and ptmx is a relative link",
    ...{ of: ["sifon"], text: /^(\/dev\/full|crw-rw-rw- full|lrwxrwxrwx core -> \/proc\/kcore)\n/gm, ...NEW_DEV },
  },
  {
    why: "the same",
    ...{ of: ["apptainer"], text: /(?<=ptmx -> )\/dev\/(?=pts\/ptmx)/g, ...NEW_DEV },
  },
  {
    why: "Apptainer's devpts belongs to nobody where no root is mapped; bubblewrap mounts it before it gives root up",
    ...{ of: BOTH, text: /^\/dev\/pts: .*$/gm, becomes: "/dev/pts: there", ...NEW_DEV },
  },
];

/** What a program has said, without what is different by decision or by chance. */
export function settle(text: string, occasion: Occasion): string {
  const { program, row, namespaces } = occasion;
  let settled = settleProbe(text.replaceAll("\0", "\n"), namespaces);
  for (const { of, text: words, becomes = "", words: needed, in: isIn = () => true } of DIFFERENCES) {
    const isCalled = needed === undefined || needed.some((word) => row.before.includes(word));
    if (of.includes(program) && isCalled && isIn(occasion)) settled = settled.replace(words, becomes);
  }
  const sorted = (lines: string) => `${lines.trimEnd().split("\n").sort().join("\n")}\n`;
  // Apptainer adds groups in no order; and not all is found out at the same moment.
  return settled.replace(/(?<=^\[accounts\]\n)[^[]*/m, sorted).replace(/^((INFO|WARNING|source|UID): .*\n)+/gm, sorted);
}
