import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, copyFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { escapeSingleQuoted } from "../../src/singularity-d/shell-quote.ts";
import { findApptainer } from "../support/apptainer.ts";
import { busybox, busyboxLayer, type ImageFile } from "../support/runnable-image.ts";
import { SIFON_MAIN } from "../support/sifon.ts";
import { makeSif } from "../support/small-sif.ts";
import { followOnTerminal, type TerminalRun, type TerminalStep } from "../support/terminal.ts";
import { requireTool } from "../support/tools.ts";

const apptainer = findApptainer();
const bash = requireTool("bash");
const ready = [
  ...[apptainer, bash, busybox, requireTool("script", "bsdutils"), requireTool("setpriv", "util-linux")],
  ...[requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse"), requireTool("stty", "coreutils")],
].every((tool) => tool !== undefined);
const isRoot = process.getuid?.() === 0;
const USER_ID = 4321;
const [CTRL_C, CTRL_D, CTRL_QUIT, CTRL_Z] = ["\x03", "\x04", "\x1c", "\x1a"];

/** A line of the host's shell, `RUN` being either program with its action's options, `IMAGE` the image; and what is typed. */
interface Row {
  readonly line: string;
  readonly steps: readonly TerminalStep[];
  /** What the screen must have on it, to be sure that the row shows what it is for. */
  readonly shows: RegExp;
}

const sh = (script: string, options = "") =>
  `RUN exec --no-home ${options} IMAGE sh -c '${escapeSingleQuoted(script)}'`;
const atUp = (typed: string): TerminalStep[] => [[/up\r\n/, typed]];
/** A job that tells when it is in the foreground. */
const job = (script: string, more = "") => `sh -c '${escapeSingleQuoted(`echo up$0; ${script}`)}' 1${more}\r`;
const untilThere = "until [ -e $f ]; do sleep 0.1; done; rm $f";
const AFTER = "; echo after $?";

const ROWS: readonly (readonly [name: string, row: Row])[] = [
  [
    "Ctrl-C ends a program, and the script that called it",
    { line: sh("echo up; sleep 30") + AFTER, steps: atUp(CTRL_C), shows: /\^C/ },
  ],
  [
    "Ctrl-C is caught by a program, whose exit code counts",
    {
      line: sh("trap 'echo caught; exit 7' INT; echo up; sleep 30") + AFTER,
      steps: atUp(CTRL_C),
      shows: /caught\r\nafter 7/,
    },
  ],
  [
    "Ctrl-C is ignored by a program",
    {
      line: sh("trap '' INT; echo up; read line; echo late $line; exit 4") + AFTER,
      steps: [...atUp(CTRL_C), [/\^C/, "word\r"]],
      shows: /late word\r\nafter 4/,
    },
  ],
  [
    "Ctrl-C reaches a program once",
    {
      line: sh("trap 'echo caught' INT; echo up; sleep 30; sleep 1; echo late") + AFTER,
      steps: atUp(CTRL_C),
      shows: /caught\r\nlate\r\nafter 0/,
    },
  ],
  [
    "Ctrl-C in a PID namespace",
    { line: sh("echo up; sleep 30", "--pid") + AFTER, steps: atUp(CTRL_C), shows: /after 130/ },
  ],
  [
    "Ctrl-C is caught in a PID namespace",
    {
      line: sh("trap 'echo caught; exit 7' INT; echo up; sleep 30", "--pid") + AFTER,
      steps: atUp(CTRL_C),
      shows: /caught\r\nafter 7/,
    },
  ],
  [
    // Of signals between its look for them and its read(2) a shell hears only after that: this one waits in a loop.
    "Ctrl-\\ is caught",
    {
      line: `trap : QUIT; ulimit -c 0; ${sh("trap 'echo caught; exit 8' QUIT; echo up; while :; do :; done")}${AFTER}`,
      steps: atUp(CTRL_QUIT),
      shows: /caught\r\nafter 8/,
    },
  ],
  [
    "Ctrl-D ends the input of a program",
    {
      line: sh("echo up; cat") + AFTER,
      steps: [...atUp("a line\r"), [/a line\r\na line\r\n/, CTRL_D]],
      shows: /after 0/,
    },
  ],
  ["a signal that a program sends itself", { line: sh("kill -TERM $$") + AFTER, steps: [], shows: /after 143/ }],
  ["a signal that dumps core", { line: `ulimit -c 0; ${sh("kill -SEGV $$")}${AFTER}`, steps: [], shows: /after 139/ }],
  [
    "Ctrl-Z and fg of the whole run, in the host's shell",
    {
      line: `exec bash --norc -i -c 'set -m; ${escapeSingleQuoted(sh("echo up; read line; echo got $line; exit 5"))}; echo stopped; fg; echo after $?'`,
      steps: [...atUp(CTRL_Z), [/stopped\r\n[^\n]*\n/, "word\r"]],
      shows: /got word\r\nafter 5/,
    },
  ],
  [
    "bash with job control",
    {
      line: `RUN shell --no-home IMAGE${AFTER}`,
      steps: [
        [/> /, job("sleep 30")],
        [/up1\r\n/, CTRL_C],
        [/\^C[^>]*> /, "echo alive $((20 + 2))\r"],
        [/alive 22\r\n[^>]*> /, job("read line; echo got $line")],
        [/up1\r\n/, CTRL_Z],
        [/Stopped[^>]*> /, "jobs\r"],
        [/Stopped[^>]*> /, "fg\r"],
        [/fg\r\n[^\n]*\n/, "word\r"],
        [
          /got word\r\n[^>]*> /,
          `f=/tmp/there.$$; sh -c 'echo >$0; exec sleep 31' $f & ${untilThere}; jobs; kill %1; wait %1; echo $?\r`,
        ],
        [/143\r\n[^>]*> /, CTRL_D],
      ],
      shows: /alive 22[\s\S]*Stopped[\s\S]*got word[\s\S]*Running[\s\S]*exit\r\nafter 0/,
    },
  ],
  [
    "Ctrl-Z and bg in bash",
    {
      line: `RUN shell --no-home IMAGE${AFTER}`,
      steps: [
        [/> /, `f=/tmp/there.$$; sh -c 'echo up$0; until [ -e $1 ]; do sleep 0.1; done; rm $1; echo over' 1 $f\r`],
        [/up1\r\n/, CTRL_Z],
        [/Stopped[^>]*> /, "bg; echo >$f; wait; echo waited $?\r"],
        [/over\r\n[\s\S]*waited \d+\r\n[^>]*> /, CTRL_D],
      ],
      shows: /Stopped[\s\S]*over\r\n[\s\S]*waited 0[\s\S]*exit\r\nafter 0/,
    },
  ],
];

describe.skipIf(!ready || !isRoot)("a terminal, beside Apptainer", () => {
  let folder: string;
  let image: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-terminal-"));
    await chmod(folder, 0o777);
    image = join(folder, "image.sif");
    await makeSif(image, {
      layers: [await busyboxLayer(await programFiles(bash as string))],
      config: { Env: ["PATH=/bin"] },
    });
    await chmod(image, 0o644);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const ENVIRONMENT = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
  const env = {
    ...ENVIRONMENT,
    ...{
      PATH: process.env.PATH,
      HOME: "/root",
      TERM: "dumb",
      SIFON_LAB: process.env.SIFON_LAB,
      TMPDIR: process.env.TMPDIR,
    },
  };
  const users = [
    { who: "root", sifon: "", theirs: "" },
    {
      who: "an ordinary user",
      sifon: `setpriv --reuid=${USER_ID} --regid=${USER_ID} --clear-groups env HOME=/home/user `,
      theirs: "env LAB_USER=1 ",
    },
  ];
  const follow = (line: string, run: string, steps: readonly TerminalStep[]): Promise<TerminalRun> => {
    const filled = line.replaceAll("RUN", run).replaceAll("IMAGE", image);
    return followOnTerminal(`exec bash -c '${escapeSingleQuoted(filled)}'`, steps, { cwd: folder, env });
  };
  const sifonAs = (prefix: string) => `${prefix}${process.execPath} ${SIFON_MAIN}`;

  describe.each(users)("as $who", ({ sifon, theirs }) => {
    it.concurrent.each(ROWS)("%s", async (_name, { line, steps, shows }) => {
      const own = sifonAs(sifon);
      const other = `${theirs}${apptainer} --silent`;
      const [ours, expected] = await Promise.all([follow(line, own, steps), follow(line, other, steps)]);
      // Numbers of processes differ, and what the two print about themselves.
      const told = ({ seen, code }: TerminalRun, run: string) => ({
        code,
        seen: stripVTControlCharacters(seen)
          .replaceAll(run, "RUN")
          .replace(/\d{3,}/g, "N"),
      });
      expect(ours.seen).toMatch(shows);
      expect(told(ours, own)).toEqual(told(expected, other));
    });

    it.concurrent("tells a program of a new window size", async ({ expect }) => {
      const line = `tty; stty rows 20 cols 70; ${sh("trap 'stty size; exit 3' WINCH; stty size; echo up; while :; do sleep 0.1; done")}${AFTER}`;
      const run = await follow(line, sifonAs(sifon), [
        [
          /(\/dev\/pts\/\d+)\r\n20 70\r\nup\r\n/,
          ([, device]) => execFileSync("stty", ["-F", String(device), "rows", "33", "cols", "77"]),
        ],
      ]);
      expect(run.seen).toMatch(/33 77\r\nafter 3/);
    });

    it.concurrent.for([
      ["a program", "exec --no-home IMAGE sh -c 'echo up; sleep 640'", []],
      ["a program in a PID namespace", "exec --pid --no-home IMAGE sh -c 'echo up; sleep 640'", []],
      ["a shell with a job in the background", "shell --no-home IMAGE", [[/> /, job("exec sleep 640", " &")]]],
      [
        "a program that takes a while",
        "exec --no-home IMAGE sh -c 'trap \"sleep 0.5; exit\" HUP; echo up; sleep 640 & wait'",
        [],
      ],
    ] as const)(
      "leaves no process and no mount when the terminal of %s is closed",
      async ([, words, steps], { expect }) => {
        const own = await mkdtemp(join(folder, "closed-"));
        await chmod(own, 0o777);
        const file = join(own, "image.sif");
        await copyFile(image, file);
        const line = `echo terminal $PPID; RUN ${words.replace("IMAGE", file)}`;
        let terminal = 0;
        const { code } = await follow(line, sifonAs(sifon), [
          [
            /terminal (\d+)\r\n/,
            ([, pid]) => {
              terminal = Number(pid);
            },
          ],
          ...steps,
          [/up1?\r\n/, () => process.kill(terminal, "SIGKILL")],
        ]);
        expect(code).toBeNull();
        await expect.poll(() => processesWith(own)).toEqual([]);
        expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(own);
      },
    );

    it.concurrent("leaves the terminal, no process and no mount behind when it is killed", async ({ expect }) => {
      const own = await mkdtemp(join(folder, "killed-"));
      await chmod(own, 0o777);
      await copyFile(image, join(own, "image.sif"));
      const start = `bash -c 'echo $$ >${own}/pid; exec RUN exec --no-home ${own}/image.sif sh -c "echo up; sleep 640"'`;
      const run = await follow(`${start}${AFTER}; read word; echo read $word`, sifonAs(sifon), [
        [/up\r\n/, () => process.kill(Number(readFileSync(join(own, "pid"), "utf8")), "SIGKILL")],
        [/after 137\r\n/, "typed\r"],
      ]);
      expect(run.seen).toMatch(/after 137\r\ntyped\r\nread typed\r\n/);
      await expect.poll(() => processesWith(own)).toEqual([]);
      expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(own);
    });
  });
});

/** Command lines of the processes that have the folder in them. */
async function processesWith(folder: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(folder) && !line.startsWith("script"));
}

/** A program of the host and the libraries that it is linked with, by the paths at which it looks for them. */
async function programFiles(program: string): Promise<Record<string, ImageFile>> {
  const libraries = execFileSync("ldd", [program], { encoding: "utf8" }).match(/\/\S+/g) ?? [];
  const files: Record<string, ImageFile> = {};
  for (const path of [program, ...libraries]) {
    const name = path === program ? "bin/bash" : path.slice(1);
    files[name] = { content: await readFile(path, "latin1"), mode: 0o755 };
  }
  return files;
}
