import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Entry, smallTree } from "../singularity-d/small-tree.ts";
import { mustSifon } from "../support/sifon.ts";
import { ARGS_PROGRAM, apptainerDoes, folder, ready, rootOf } from "./busybox-image.ts";
import { writeOciLayout } from "./oci-layout.ts";

// What a container made from a definition runs, row by row as the manual ranks it, and run by Apptainer:
// %runscript, then CMD where IncludeCmd is set, then ENTRYPOINT with CMD, then CMD alone, then a shell.

const ENTRYPOINT = [...ARGS_PROGRAM, "entry point"];
const CMD = [...ARGS_PROGRAM, "cmd"];
const BASH_PROGRAM = '#!/bin/sh\necho "bash $#"; exec /bin/sh "$@"\n';
const SAYS_BASH: Entry = { file: BASH_PROGRAM, mode: 0o755 };

interface Base {
  readonly config: object;
  readonly extra?: Readonly<Record<string, Entry>>;
}

const BASES: Readonly<Record<string, Base>> = {
  both: { config: { Entrypoint: ENTRYPOINT, Cmd: CMD } },
  entry: { config: { Entrypoint: ENTRYPOINT } },
  cmd: { config: { Cmd: CMD } },
  none: { config: { Env: ["KEPT=1"] } },
  bash: { config: { Env: ["KEPT=1"] }, extra: { "bin/bash": SAYS_BASH } },
  "bash-and-cmd": { config: { Cmd: CMD }, extra: { "bin/bash": SAYS_BASH } },
};

const lines = (...words: readonly string[]): string => words.map((word) => `<${word}>\n`).join("");
/** Arguments in the place of CMD: a program again where there is no ENTRYPOINT. */
const ARGS = [...ARGS_PROGRAM, "a b", "c"];
const ALONE = lines("a b", "c");
const AFTER_ENTRYPOINT = lines("entry point", ...ARGS);
/** What the shell reads in the rows where one is started. */
const INPUT = 'echo "shell $0 $KEPT"\n';

interface Row {
  readonly what: string;
  readonly base: string;
  /** Header lines beside Bootstrap and From. */
  readonly header?: string;
  readonly sections?: string;
  /** Printed without arguments, and with those of `ARGS`. */
  readonly alone: string;
  readonly withArgs: string;
}

const RUNSCRIPT = '%runscript\n  echo "mine $#"\n';
const MINE = { alone: "mine 0\n", withArgs: "mine 4\n" };
const CMD_FIRST = { alone: lines("cmd"), withArgs: ALONE };
const ENTRY_FIRST = { alone: lines("entry point", ...CMD), withArgs: AFTER_ENTRYPOINT };
const ENTRY_ALONE = { alone: lines("entry point"), withArgs: AFTER_ENTRYPOINT };
const SH = { alone: "shell /bin/sh 1\n", withArgs: ALONE };
const BASH = { alone: "bash 0\nshell /bin/sh 1\n", withArgs: ALONE };

const ROWS: readonly Row[] = [
  { what: "%runscript before ENTRYPOINT and CMD", base: "both", sections: RUNSCRIPT, ...MINE },
  { what: "%runscript before IncludeCmd", base: "both", header: "IncludeCmd: yes\n", sections: RUNSCRIPT, ...MINE },
  { what: "%runscript before the shell", base: "bash", sections: RUNSCRIPT, ...MINE },
  { what: "a %runscript of a comment", base: "both", sections: "%runscript\n  # none\n", alone: "", withArgs: "" },
  { what: "an empty %runscript is none", base: "both", sections: "%runscript\n", ...ENTRY_FIRST },
  ...["yes", "no", "0", "false", "{{ VALUE }}"].map((value) => ({
    what: `IncludeCmd: ${value}`,
    base: "both",
    header: `IncludeCmd: ${value}\n`,
    sections: "%arguments\n  VALUE=any\n",
    ...CMD_FIRST,
  })),
  { what: "IncludeCmd in any case", base: "both", header: "INCLUDECMD: yes\n", ...CMD_FIRST },
  { what: "IncludeCmd without a value", base: "both", header: "IncludeCmd:\n", ...ENTRY_FIRST },
  { what: "IncludeCmd with a comment alone", base: "both", header: "IncludeCmd: # yes\n", ...ENTRY_FIRST },
  { what: "IncludeCmd where there is no CMD", base: "entry", header: "IncludeCmd: yes\n", ...ENTRY_ALONE },
  { what: "IncludeCmd where there is no ENTRYPOINT", base: "cmd", header: "IncludeCmd: yes\n", ...CMD_FIRST },
  { what: "IncludeCmd where there is neither", base: "none", header: "IncludeCmd: yes\n", ...SH },
  { what: "ENTRYPOINT and CMD", base: "both", ...ENTRY_FIRST },
  { what: "ENTRYPOINT alone", base: "entry", ...ENTRY_ALONE },
  { what: "CMD alone", base: "cmd", ...CMD_FIRST },
  { what: "CMD alone, before bash", base: "bash-and-cmd", ...CMD_FIRST },
  { what: "neither, with bash", base: "bash", ...BASH },
  { what: "neither, without bash", base: "none", ...SH },
  { what: "bash that %files brings", base: "none", sections: "%files\n  bash-program /bin/bash\n", ...BASH },
];

describe.skipIf(!ready)("what a definition's container runs", () => {
  beforeAll(async () => {
    for (const [name, { config, extra }] of Object.entries(BASES)) {
      const { tree, contents } = await smallTree(rootOf(extra));
      await writeOciLayout(join(folder, name), tree, contents, JSON.stringify(config));
    }
    writeFileSync(join(folder, "bash-program"), BASH_PROGRAM);
    chmodSync(join(folder, "bash-program"), 0o755);
  });

  it.each(ROWS)("$what", async ({ what, base, header = "", sections = "", alone, withArgs }) => {
    const name = `run-${what.replace(/\W+/g, "-")}`;
    await build(name, `Bootstrap: oci\nFrom: ${base}\n${header}\n${sections}`);
    expectRuns(name, { alone, withArgs });
  });

  it("a base's own %runscript stays, and gives way to a new one", async () => {
    await build("first", `Bootstrap: oci\nFrom: both\n%runscript\n  echo "first $#"\n`);
    await build("second", "Bootstrap: localimage\nFrom: first.sif\nIncludeCmd: yes\n");
    expectRuns("second", { alone: "first 0\n", withArgs: "first 4\n" });
    await build("third", `Bootstrap: localimage\nFrom: first.sif\n${RUNSCRIPT}`);
    expectRuns("third", MINE);
  });

  it("the last stage's image is the one that counts", async () => {
    await build("stages", `Bootstrap: oci\nFrom: cmd\nStage: one\n${RUNSCRIPT}\nBootstrap: oci\nFrom: both\n`);
    expectRuns("stages", ENTRY_FIRST);
  });
});

async function build(name: string, text: string): Promise<void> {
  writeFileSync(join(folder, `${name}.def`), text);
  await mustSifon(["build", `${name}.sif`, `${name}.def`], { cwd: folder });
}

/** Runs the image without and with arguments; shells find `INPUT` on their standard input. */
function expectRuns(name: string, { alone, withArgs }: Pick<Row, "alone" | "withArgs">): void {
  for (const [args, expected] of [[[], alone] as const, [ARGS, withArgs] as const]) {
    const { status, stdout, stderr } = apptainerDoes(["run", `${name}.sif`, ...args], {}, INPUT);
    expect([status, stdout], stderr).toEqual([0, expected]);
  }
}
