import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ED25519_PEM, ED25519_PUBLIC } from "../sign/signed-file.ts";
import { runCommand } from "../support/command.ts";
import { HOSTILE_IMAGES, soundImage } from "../support/hostile-images.ts";
import { HOSTILE_SIFS, hostileSif } from "../support/hostile-sifs.ts";
import { SIFON_MAIN } from "../support/sifon.ts";

const MIB = 2 ** 20;
/** In all, with Node's own 40 MiB. The most that was measured of these is 89 MiB. */
const ALLOWED = 100 * MIB;
/** Far more than the second that it takes on an idle machine; an endless loop takes longer. */
const HANGS_MS = 25_000;

// The kernel's own count of the largest resident set, told by the process as it ends. (Not getrusage's: that one
// begins with what the parent held when it forked.)
const TELL_PEAK = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync } from "node:fs";
  process.on("exit", () => process._rawDebug(/VmHWM:.*/.exec(readFileSync("/proc/self/status", "latin1"))[0]));
`)}`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-hostile-"));
  await writeFile(join(folder, "key.pem"), ED25519_PEM);
  await writeFile(join(folder, "key.pub"), ED25519_PUBLIC.export({ format: "pem", type: "spki" }));
  await writeFile(join(folder, "sound.sif"), await hostileSif(soundImage()));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a command in a process of its own, which must answer, or refuse in one line, within the memory. */
async function expectModest(command: string, file: string): Promise<{ code: number; stderr: string }> {
  const args = command.replaceAll("FILE", file).split(" ");
  const { code, stderr } = await runCommand(process.execPath, ["--import", TELL_PEAK, SIFON_MAIN, ...args], {
    cwd: folder,
    env: { HOME: folder },
    signal: AbortSignal.timeout(HANGS_MS),
  });
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(stderr)?.[1]) * 1024;
  const what = `${args.join(" ")}: ${stderr}`;
  expect([0, 1, 255], what).toContain(code);
  const refusals = stderr.split("\n").filter((line) => /^(FATAL|ERROR|Error)/.test(line));
  expect(refusals, what).toHaveLength(code === 0 ? 0 : 1);
  expect(stderr, what).not.toMatch(/INTERNAL|call stack|out of memory|^ +at /m);
  // Less than Node alone would be a count gone wrong.
  expect(peak, what).toBeGreaterThan(20 * MIB);
  expect(peak, what).toBeLessThan(ALLOWED);
  return { code, stderr };
}

type Rows = readonly (readonly [keyof typeof HOSTILE_IMAGES, number, RegExp])[];
/** What `check` makes of each; the place is the metadata block's or the table's. */
const IMAGES: Rows = [
  ["4,294,967,295 inodes", 255, /the inode table of ".*, object 3" at byte \d+/],
  ["65,535 owners", 255, /the id table of ".*, object 3" at byte \d+/],
  ["4,294,967,295 fragments", 255, /the fragment table of ".*, object 3" at byte \d+/],
  ["tables in one another", 255, /the inode table of ".*, object 3" at byte \d+/],
  ["a directory in itself", 255, /the inode table of ".*, object 3" at byte \d+/],
  ["a metadata block of 64 MiB in 64 KiB", 255, /of ".*, object 3" at byte \d+/],
  ["a data block of 64 MiB in 64 KiB", 255, /the data of ".*, object 3" at byte 96: /],
  ["a block of Zstandard of 256 MiB in 8 KiB", 255, /the data of ".*, object 3" at byte 96: /],
  ["a file of 30 GB, all hole, whose block list is a bomb", 0, /(?:)/],
  ["a file of 30 GB whose blocks are of absurd sizes", 255, /the data of ".*, object 3" at byte \d+/],
  ["attributes of 16 MiB on each of 64 files", 255, /the xattr keys of ".*, object 3" at byte \d+/],
  ["200 attribute sets of 64 KiB in 70 KB", 255, /the xattr keys of ".*, object 3" at byte \d+/],
  ["a symlink to itself", 0, /(?:)/],
];

const REFUSED_AT_ONCE: ReadonlySet<string> = new Set(IMAGES.slice(0, 4).map(([name]) => name));

describe("a hostile file system in a SIF", () => {
  it.concurrent.for(IMAGES)(
    "takes no more than 100 MiB: %s",
    { timeout: 120_000 },
    async ([name, expected, place], { expect }) => {
      const file = `${Object.keys(HOSTILE_IMAGES).indexOf(name)}.sif`;
      await writeFile(join(folder, file), await hostileSif(HOSTILE_IMAGES[name]()));
      const { code, stderr } = await expectModest("check FILE", file);
      expect(code, stderr).toBe(expected);
      expect(stderr).toMatch(place);
      // What is refused as soon as it is opened is refused by all.
      if (REFUSED_AT_ONCE.has(name)) return;
      for (const command of [
        "ls -R FILE",
        "diff FILE FILE",
        `build -F --sandbox --ignore-space ${file}.d FILE`,
        `build -F ${file}.new FILE`,
        `convert -F --compression lz4 FILE ${file}.new`,
      ]) {
        await expectModest(command, file);
      }
    },
  );

  it("has a row for each", () => {
    expect(IMAGES.map(([name]) => name)).toEqual(Object.keys(HOSTILE_IMAGES));
  });
});

/** By what is hostile: its name begins with this. */
const COMMANDS: readonly (readonly [about: RegExp, commands: readonly string[]])[] = [
  [/descriptors/, ["sif list FILE"]],
  [/metadata|labels|definition/, ["inspect -d FILE", "check FILE", "build -F FILE.new FILE"]],
  [/sign|envelope/, ["verify -l FILE", "verify -j --key key.pub FILE"]],
];

describe("a hostile SIF", () => {
  it.concurrent.for(Object.entries(HOSTILE_SIFS))(
    "takes no more than 100 MiB: %s",
    { timeout: 120_000 },
    async ([name, make]) => {
      const file = `sif-${Object.keys(HOSTILE_SIFS).indexOf(name)}.sif`;
      await writeFile(join(folder, file), await make());
      const commands = COMMANDS.find(([about]) => about.test(name))?.[1] ?? [];
      expect(commands).not.toEqual([]);
      for (const command of commands) await expectModest(command, file);
    },
  );
});
