import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findApptainer } from "../support/apptainer.ts";
import { besideApptainer } from "./beside-apptainer.ts";
import { withoutTimes } from "./sif-without-times.ts";

const apptainer = findApptainer();
const folder = apptainer === undefined ? "" : mkdtempSync(join(tmpdir(), "sif-add-oracle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const { at, theirs, ours } = besideApptainer(apptainer ?? "", folder);

const ENTITY = "433FE984155206BD962725E20E8713472A879943";
const PARTITION = "--datatype 4 --partfs 1 --parttype 1 --partarch 2";

const ROWS: readonly string[] = [
  ...Array.from({ length: 12 }, (_, index) => `--datatype ${index + 1}`),
  ...["-1", "0x7", "x", "9223372036854775808"].map((value) => `--datatype ${value}`),
  ...["0", "1", "12", "14"].map((arch) => `--datatype 4 --partfs 1 --parttype 1 --partarch ${arch}`),
  ...["6", "7", "-1", "2147483648"].map((fs) => `--datatype 4 --partfs ${fs} --parttype 1 --partarch 2`),
  ...["2", "5"].map((type) => `--datatype 4 --partfs 1 --parttype ${type} --partarch 2`),
  ...["0", "5", "6", "x"].map((hash) => `--datatype 5 --signhash ${hash} --signentity ${ENTITY}`),
  ...["zz", "00", `${ENTITY}00`, "0"].map((entity) => `--datatype 5 --signhash 1 --signentity ${entity}`),
  ...["spdx-tag-value", "x"].map((format) => `--datatype 9 --sbomformat ${format}`),
  ...["0", "010", "-1", "268435456", "4294967295", "4294967296"].flatMap((value) => [
    `--datatype 7 --groupid ${value}`,
    `--datatype 7 --link ${value}`,
  ]),
  "--datatype 7 --link 4026531841",
  ...["0", "3", "512", "-1"].flatMap((value) => [
    `--datatype 7 --alignment ${value}`,
    `${PARTITION} --alignment ${value}`,
  ]),
  "--datatype 7 --filename name",
  `--datatype 7 --filename ${"n".repeat(128)}`,
  `--datatype 7 --filename ${"n".repeat(129)}`,
  // What the type does not ask for is a number all the same.
  "--datatype 7 --partfs x",
  "--datatype 7 --signhash 99999999999",
  "--datatype 10 --filename blob --groupid 1 --link 1",
];

describe.skipIf(apptainer === undefined)("sif add beside Apptainer", () => {
  beforeAll(async () => {
    mkdirSync(at("home"));
    writeFileSync(at("object"), "content of an object\n");
    writeFileSync(at("empty"), "");
    await theirs("sif", "new", "empty.sif");
    // An object, and behind it the bytes of one that is gone: what is added takes their place.
    await theirs("sif", "add", "--datatype", "7", "empty.sif", "object");
    writeFileSync(at("long"), Buffer.alloc(20_000, "long"));
    await theirs("sif", "add", "--datatype", "7", "empty.sif", "long");
    await theirs("sif", "del", "2", "empty.sif");
  });

  it.each(ROWS)("%s", async (row) => {
    await expectSameFile(row, "object");
  });

  it.each(["--datatype 7", "--datatype 11", PARTITION])("%s of an empty file", async (row) => {
    await expectSameFile(row, "empty");
  });
});

/** Both give the file the same bytes, or refuse with the same words and leave it. */
async function expectSameFile(row: string, object: string): Promise<void> {
  for (const name of ["theirs.sif", "ours.sif"]) copyFileSync(at("empty.sif"), at(name));
  const [expected, seen] = await Promise.all([
    theirs("sif", "add", ...row.split(" "), "theirs.sif", object),
    ours("sif", "add", ...row.split(" "), "ours.sif", object),
  ]);
  const firstLine = (text: string) => text.split("\n")[0];
  expect([seen.code, firstLine(seen.stderr)]).toEqual([expected.code, firstLine(expected.stderr)]);
  // Where Apptainer refuses late, it has written over what stood behind the last object.
  const [bytes, wanted] = ["ours.sif", expected.code === 0 ? "theirs.sif" : "empty.sif"].map((name) =>
    withoutTimes(readFileSync(at(name))),
  );
  expect(bytes?.equals(wanted as Buffer), "the same bytes").toBe(true);
}
