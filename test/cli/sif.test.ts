import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withFileAccess } from "../../src/bytes/random-access.ts";
import { readSif } from "../../src/sif/reader.ts";
import { formatHeader, formatInfo, formatList } from "../../src/sif/text.ts";
import { emptyRootSquashfs, minimalSif } from "../sif/minimal-sif.ts";
import { createWorkplace, expectHygiene, type Workplace } from "./workplace.ts";

async function placeWithSif(context: Parameters<typeof createWorkplace>[0]): Promise<Workplace> {
  const place = await createWorkplace(context);
  await writeFile(join(place.out, "x.sif"), await minimalSif());
  await writeFile(join(place.out, "object"), "content\n");
  return place;
}

const PARTITION = ["--partfs", "1", "--parttype", "2", "--partarch", "2"];

describe.concurrent("sif", () => {
  it("list, header, info and dump show what is there", async (context) => {
    const place = await placeWithSif(context);
    const sif = await withFileAccess(join(place.out, "x.sif"), readSif);
    expect((await place.run(["sif", "list", "x.sif"])).stdout.toString()).toBe(formatList(sif));
    expect((await place.run(["sif", "header", "x.sif"])).stdout.toString()).toBe(formatHeader(sif));
    expect((await place.run(["sif", "info", "03", "x.sif"])).stdout.toString()).toBe(formatInfo(sif.objects[2]!));
    const dumped = await place.run(["sif", "dump", "3", "x.sif"]);
    expect(Buffer.compare(dumped.stdout, emptyRootSquashfs())).toBe(0);
  });

  it("new, add, setprim and del change a file", async (context) => {
    const place = await placeWithSif(context);
    const steps = [
      ["new", "n.sif"],
      ["add", "n.sif", "object", "--datatype", "4", ...PARTITION],
      ["add", "n.sif", "object", "--datatype", "7", "--filename", "name", "--groupid", "2", "--link", "1"],
      ["add", "--datatype=4", "--partfs=1", "--parttype=1", "--partarch=4", "n.sif", "object"],
      ["setprim", "3", "n.sif"],
      ["del", "1", "n.sif"],
    ];
    for (const step of steps) {
      const end = await place.run(["sif", ...step]);
      expect([step, end.code, end.stderr]).toEqual([step, 0, ""]);
    }
    const { header, objects } = await withFileAccess(join(place.out, "n.sif"), readSif);
    expect(header.arch).toBe(4);
    expect(objects.map(({ id, name, group, size }) => [id, name, group, size])).toEqual([
      [2, "name", 2, 8],
      [3, "", 0, 8],
    ]);
    await place.run(["sif", "new", "n.sif"]);
    expect((await stat(join(place.out, "n.sif"))).size).toBe(32_176);
  });

  const add = ["add", "x.sif", "object"];
  it.for<[args: readonly string[], message: string]>([
    [["list"], "accepts 1 arg(s), received 0"],
    [["info", "1"], "accepts 2 arg(s), received 1"],
    [["list", "nosuch"], "open nosuch: no such file or directory"],
    [["list", "object"], "reading global header: unexpected EOF"],
    [["info", "a", "x.sif"], 'while converting id: strconv.ParseUint: parsing "a": invalid syntax'],
    [["info", "0x3", "x.sif"], 'while converting id: strconv.ParseUint: parsing "0x3": invalid syntax'],
    [["info", "99999999999999999999", "x.sif"], "value out of range"],
    [["dump", "0", "x.sif"], "invalid object ID"],
    [["dump", "9", "x.sif"], "object not found"],
    [["del", "9", "x.sif"], "object not found"],
    [["setprim", "1", "x.sif"], "data object not a partition"],
    [add, "-datatype flag is required with a valid range"],
    [[...add, "--datatype", "12"], "-datatype flag is required with a valid range"],
    [[...add, "--datatype", "4"], "with partition datatype, --partfs, --parttype and --partarch must be passed"],
    [[...add, "--datatype", "4", ...PARTITION], "image already contains a primary partition"],
    [[...add, "--datatype", "5"], "invalid hash type: 0"],
    [[...add, "--datatype", "5", "--signhash", "1"], "invalid signing entity fingerprint length: got 0, want 20"],
    [
      [...add, "--datatype", "5", "--signhash", "1", "--signentity", "zz"],
      "failed to decode signing entity fingerprint: encoding/hex: invalid byte: U+007A 'z'",
    ],
    [[...add, "--datatype", "9"], "with SBOM datatype, --sbomformat must be passed"],
    [[...add, "--datatype", "9", "--sbomformat", "x"], "invalid SBOM format: x"],
    [
      [...add, "--datatype", "x"],
      'invalid argument "x" for "--datatype" flag: strconv.ParseInt: parsing "x": invalid syntax',
    ],
    [[...add, "--datatype", "7", "--filename", "x".repeat(129)], "name value too large"],
  ])("%j ends with usage and exit code 1", async ([args, message], context) => {
    const place = await placeWithSif(context);
    const before = await readFile(join(place.out, "x.sif"));
    const end = await place.run(["sif", ...args]);
    expectHygiene(end);
    expect(end.code).toBe(1);
    expect(end.stderr.startsWith(`Error for command "${args[0]}": `)).toBe(true);
    expect(end.stderr).toContain(message);
    expect(end.stderr).toContain(`\n\nUsage:\n  sifon [global options...] sif ${args[0]} <`);
    expect(Buffer.compare(await readFile(join(place.out, "x.sif")), before)).toBe(0);
  });

  it.for([
    ["a header cut short", 100, "reading global header: unexpected EOF"],
    ["a table cut short", 5000, "reading descriptors: unexpected EOF"],
  ] as const)("list of %s", async ([, size, message], context) => {
    const place = await placeWithSif(context);
    await writeFile(join(place.out, "cut.sif"), (await minimalSif()).subarray(0, size));
    const end = await place.run(["sif", "list", "cut.sif"]);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain(message);
  });

  it("dump of an object that the file does not hold names it and its place", async (context) => {
    const place = await placeWithSif(context);
    await writeFile(join(place.out, "cut.sif"), (await minimalSif()).subarray(0, 33_000));
    const end = await place.run(["sif", "dump", "3", "cut.sif"]);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain("object 3");
    expect(end.stderr).toContain("bytes 32768 to 36864, the file has 33000");
  });
});
