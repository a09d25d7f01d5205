import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { processMark } from "../../src/bytes/process-mark.ts";
import { makeTemporaryFolder } from "../../src/sandbox/temporary-folder.ts";
import { temporaryDirectory } from "../sink/temporary-directory.ts";

const RANDOM = "0123456789ab";
/** Past the kernel's largest number of a process. */
const ENDED = processMark().replace(/\d+$/, "4194305");
const nameOf = (mark: string, name = "sifon-x") => `.${name}.${mark}-${RANDOM}.tmp`;

/** A folder with a file in a folder that its modes keep from being removed. */
function leave(place: string, name: string): void {
  const below = join(place, name, "root/locked");
  mkdirSync(below, { recursive: true });
  writeFileSync(join(below, "file"), "");
  chmodSync(below, 0o500);
}

describe("makeTemporaryFolder()", () => {
  it("makes a folder for its user alone", async () => {
    const place = temporaryDirectory();
    const folder = await makeTemporaryFolder(place, "sifon-x");
    expect(dirname(folder)).toBe(place);
    expect(basename(folder)).toMatch(new RegExp(`^\\.sifon-x\\.${processMark()}-[0-9a-f]{12}\\.tmp$`));
    expect(statSync(folder).mode & 0o7777).toBe(0o700);
  });

  it("gives an absolute path, since programs are started in other directories", async () => {
    const place = temporaryDirectory();
    const folder = await makeTemporaryFolder(relative(process.cwd(), place), "sifon-x");
    expect(dirname(folder)).toBe(place);
  });

  it.each([
    ["none", "no such file or directory"],
    ["file", "not a directory"],
  ])("says what to do where the place cannot be used: %s", async (name, reason) => {
    const place = temporaryDirectory();
    writeFileSync(join(place, "file"), "");
    const path = join(place, name);
    await expect(makeTemporaryFolder(path, "sifon-x")).rejects.toMatchObject({
      code: "TEMPORARY_FOLDER_FAILED",
      message: `Cannot make a folder for temporary files in "${path}": ${reason}. Let TMPDIR name a directory that is there, that you may write to, and that has space.`,
      details: { path, cause: expect.objectContaining({ syscall: "mkdir" }) },
    });
  });

  it("removes those of that name that killed runs have left behind, and no others", async () => {
    const place = temporaryDirectory();
    const kept = [nameOf(processMark()), nameOf(ENDED, "sifon-y"), "sifon-x", nameOf(`000000000000-4194305`)];
    for (const name of [nameOf(ENDED), ...kept]) leave(place, name);
    const made = await makeTemporaryFolder(place, "sifon-x");
    expect(readdirSync(place).sort()).toEqual([...kept, basename(made)].sort());
  });

  it.runIf(process.geteuid?.() === 0)("leaves another user's folder alone", async () => {
    const place = temporaryDirectory();
    leave(place, nameOf(ENDED));
    chownSync(join(place, nameOf(ENDED)), 4321, 4321);
    await makeTemporaryFolder(place, "sifon-x");
    expect(readdirSync(join(place, nameOf(ENDED)))).toEqual(["root"]);
  });
});
