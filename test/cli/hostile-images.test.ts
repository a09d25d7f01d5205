import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ED25519_PEM, ED25519_PUBLIC } from "../sign/signed-file.ts";
import { HOSTILE_IMAGES, sharedBlocks, soundImage } from "../support/hostile-images.ts";
import { HOSTILE_SIFS, hostileSif } from "../support/hostile-sifs.ts";
import { expectModest } from "../support/modest-run.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-hostile-"));
  await writeFile(join(folder, "key.pem"), ED25519_PEM);
  await writeFile(join(folder, "key.pub"), ED25519_PUBLIC.export({ format: "pem", type: "spki" }));
  await writeFile(join(folder, "sound.sif"), await hostileSif(soundImage()));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function expectOf(command: string, file: string): ReturnType<typeof expectModest> {
  return expectModest(folder, command.replaceAll("FILE", file));
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
  it.concurrent.for(IMAGES)("takes no more than 100 MiB: %s", async ([name, expected, place], { expect }) => {
    const file = `${Object.keys(HOSTILE_IMAGES).indexOf(name)}.sif`;
    await writeFile(join(folder, file), await hostileSif(HOSTILE_IMAGES[name]()));
    const { code, stderr } = await expectOf("check FILE", file);
    expect(code, stderr).toBe(expected);
    expect(stderr).toMatch(place);
    // What is refused as soon as it is opened is refused by all.
    if (REFUSED_AT_ONCE.has(name)) return;
    for (const command of [
      "ls -R FILE",
      "inspect --all FILE",
      "exec FILE true",
      "diff FILE FILE",
      `build -F --sandbox --ignore-space ${file}.d FILE`,
      `build -F ${file}.new FILE`,
      `convert -F --compression lz4 FILE ${file}.new`,
    ]) {
      await expectOf(command, file);
    }
  });

  it("has a row for each", () => {
    expect(IMAGES.map(([name]) => name)).toEqual(Object.keys(HOSTILE_IMAGES));
  });
});

/** By what is hostile: its name begins with this. */
const COMMANDS: readonly (readonly [about: RegExp, commands: readonly string[]])[] = [
  [/descriptors/, ["sif list FILE", "exec FILE true", "sif add --datatype 6 FILE key.pub", "sign --key key.pem FILE"]],
  [/metadata|labels|definition/, ["inspect -d FILE", "check FILE", "exec FILE true", "build -F FILE.new FILE"]],
  [/sign|envelope/, ["verify -l FILE", "verify -j --key key.pub FILE", "sif dump 4 FILE", "sign --key key.pem FILE"]],
];

describe("a small file of a terabyte, whose files share a thousand blocks", () => {
  it("is read within 100 MiB", { timeout: 120_000 }, async () => {
    await writeFile(join(folder, "terabyte.sif"), await hostileSif(sharedBlocks(1000, 1000)));
    const { code, stderr } = await expectOf("check FILE", "terabyte.sif");
    expect(code, stderr).toBe(0);
    for (const command of ["ls -R FILE", "inspect --all FILE", "verify --content FILE"]) {
      await expectOf(command, "terabyte.sif");
    }
  });
});

describe("a hostile SIF", () => {
  it.concurrent.for(Object.entries(HOSTILE_SIFS))("takes no more than 100 MiB: %s", async ([name, make]) => {
    const file = `sif-${Object.keys(HOSTILE_SIFS).indexOf(name)}.sif`;
    await writeFile(join(folder, file), await make());
    const commands = COMMANDS.find(([about]) => about.test(name))?.[1] ?? [];
    expect(commands).not.toEqual([]);
    for (const command of commands) await expectOf(command, file);
  });
});
