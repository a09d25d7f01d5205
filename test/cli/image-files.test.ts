import { randomBytes } from "node:crypto";
import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, type TestContext } from "vitest";
import { toByteString } from "../../src/bytes/byte-string.ts";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { findPrimaryPartition } from "../../src/sif/image.ts";
import { readSif } from "../../src/sif/reader.ts";
import { makeLayer } from "../support/registry-image.ts";
import { makeSif } from "../support/small-sif.ts";
import { entry, tar } from "../tar/tar-bytes.ts";
import { createWorkplace, expectFailure, expectHygiene, type Workplace } from "./workplace.ts";

async function placeWithImages(context: Pick<TestContext, "onTestFinished">): Promise<Workplace> {
  const place = await createWorkplace(context);
  const text = "line\n".repeat(100_000);
  await makeSif(join(place.out, "a.sif"), { layers: [await makeLayer({ "etc/base": "base", big: text })] });
  await makeSif(join(place.out, "b.sif"), { layers: [await makeLayer({ "etc/base": "BASE", big: text, more: "" })] });
  return place;
}

const out = (end: { readonly stdout: Buffer }): string => end.stdout.toString();

describe.concurrent("ls, cat, diff and check", () => {
  it("ls lists a directory, names, everything below, and JSON", async (context) => {
    const place = await placeWithImages(context);
    expect(out(await place.run(["ls", "a.sif", "etc/base"]))).toBe(
      "-rw-r--r--   1     0     0          4 1970-01-01 00:00 etc/base\n",
    );
    expect(out(await place.run(["ls", "-1", "a.sif", "/etc"]))).toBe("base\nhosts\nresolv.conf\n");
    expect(out(await place.run(["ls", "--names", "-R", "a.sif", ".singularity.d/env"]))).toContain(
      ".singularity.d/env/01-base.sh\n",
    );
    const lines = out(await place.run(["ls", "--json", "a.sif"]))
      .trimEnd()
      .split("\n");
    expect(lines.map((line) => JSON.parse(line)).find(({ path }) => path === "big")).toEqual({
      ...{ path: "big", kind: "file", mode: "0644", uid: 0, gid: 0, links: 1 },
      ...{ mtime: "1970-01-01T00:00:00Z", size: 500_000 },
    });
  });

  it("cat prints a file, symlinks followed, of a SIF and of a squashfs file", async (context) => {
    const place = await placeWithImages(context);
    expect(out(await place.run(["cat", "a.sif", "/big"]))).toBe("line\n".repeat(100_000));
    expect(out(await place.run(["cat", "a.sif", "singularity"]))).toMatch(/^#!\/bin\/sh\n/);
    const sif = await readFile(join(place.out, "a.sif"));
    const partition = findPrimaryPartition(await readSif(bytesAccess(sif)))!;
    await writeFile(join(place.out, "a.squashfs"), sif.subarray(partition.offset));
    expect(out(await place.run(["cat", "a.squashfs", "etc/base"]))).toBe("base");
  });

  it("diff tells what differs by its exit code, lines and JSON", async (context) => {
    const place = await placeWithImages(context);
    await copyFile(join(place.out, "a.sif"), join(place.out, "copy.sif"));
    expect(await place.run(["diff", "a.sif", "copy.sif"])).toMatchObject({ code: 0, stderr: "" });
    const ignore = ["--ignore", "mtime"];
    const end = await place.run(["diff", ...ignore, "a.sif", "b.sif"]);
    expect(end.code).toBe(1);
    expectHygiene(end);
    const lines = out(end).trimEnd().split("\n");
    expect(lines).toContain("~ /etc/base: content");
    expect(lines).toContain("+ -rw-r--r-- /more");
    expect(lines.filter((line) => !line.includes(".singularity.d/"))).toHaveLength(2);
    const objects = out(await place.run(["diff", "-j", ...ignore, "b.sif", "a.sif"]));
    expect(objects).toContain('{"kind":"removed","path":"/more","type":"file"}\n');
  });

  it("ls and diff escape what names would do to a terminal or to the list", async (context) => {
    const place = await placeWithImages(context);
    const name = "a\n-rw-r--r--   1 forged\u001b[2J\u007f\u009b\u202eb";
    await makeSif(join(place.out, "names.sif"), { layers: [await makeLayer({ [`d/${name}`]: "x" })] });
    await makeSif(join(place.out, "none.sif"), { layers: [await makeLayer({ "d/x": "x" })] });
    const escaped = String.raw`a\n-rw-r--r--   1 forged\033[2J\177\302\233\342\200\256b`;
    expect(out(await place.run(["ls", "names.sif", "d"]))).toBe(
      `-rw-r--r--   1     0     0          1 1970-01-01 00:00 ${escaped}\n`,
    );
    expect(out(await place.run(["ls", "-1", "names.sif", "d"]))).toBe(`${name}\n`);
    const json = out(await place.run(["ls", "-j", "names.sif", "d"]));
    expect(json).toMatch(/^[\x20-\x7e]*\n$/);
    expect(JSON.parse(json)).toMatchObject({ path: name });
    const lines = out(await place.run(["diff", "names.sif", "none.sif"])).split("\n");
    expect(lines).toContain(`- -rw-r--r-- /d/${escaped}`);
    const objects = out(await place.run(["diff", "-j", "names.sif", "none.sif"]));
    expect(objects).toMatch(/^[\x20-\x7e\n]*$/);
    expect(objects).toContain(String.raw`\u009b\u202eb","type":"file"`);
  });

  it("ls and diff tell any two names apart, with the bytes in JSON where they are not UTF-8", async (context) => {
    const place = await placeWithImages(context);
    const names = ["t\tb", "t\\tb", "n\nl", "n\\nl", "\xfe", "\xff", "\xef\xbf\xbd"];
    const layers = [gzipSync(tar(...names.map((name) => entry({ name: `d/${name}` }, "x"))))];
    await makeSif(join(place.out, "names.sif"), { layers });
    await makeSif(join(place.out, "none.sif"), { layers: [await makeLayer({ "d/x": "x" })] });
    const shown = [
      String.raw`n\nl`,
      String.raw`n\\nl`,
      String.raw`t\tb`,
      String.raw`t\\tb`,
      "\xef\xbf\xbd",
      String.raw`\376`,
      String.raw`\377`,
    ];
    const latin1 = (end: { readonly stdout: Buffer }) => end.stdout.toString("latin1").trimEnd().split("\n");
    const lines = latin1(await place.run(["ls", "-la", "names.sif", "d"]));
    expect(lines.map((line) => line.replace(/^.* \d\d:\d\d /, "")).sort()).toEqual([...shown].sort());
    expect(latin1(await place.run(["ls", "-1", "names.sif", "d"])).join("\n")).toBe([...names].sort().join("\n"));
    const json = out(await place.run(["ls", "--json", "names.sif", "d"])).trimEnd();
    const objects = json.split("\n").map((line) => JSON.parse(line));
    const bytes = objects.map(({ path, pathBase64 }) =>
      pathBase64 === undefined ? toByteString(path) : Buffer.from(pathBase64, "base64").toString("latin1"),
    );
    expect(bytes.sort()).toEqual([...names].sort());
    expect(objects.filter(({ pathBase64 }) => pathBase64 !== undefined)).toHaveLength(2);
    const differences = latin1(await place.run(["diff", "names.sif", "none.sif"]));
    for (const name of shown) expect(differences).toContain(`- -rw-r--r-- /d/${name}`);
    const removed = out(await place.run(["diff", "--json", "names.sif", "none.sif"]));
    expect(removed).toContain(`"pathBase64":"${Buffer.from("/d/\xff", "latin1").toString("base64")}"`);
  });

  it("check tells what was read", async (context) => {
    const place = await placeWithImages(context);
    const end = await place.run(["check", "a.sif"]);
    expect(end.code).toBe(0);
    expect(out(end)).toMatch(
      /^a\.sif: whole, \d+ bytes, 4 object\(s\)\nobject 4: \d+ inodes .*gzip blocks\nas recorded/,
    );
    expect(JSON.parse(out(await place.run(["check", "--json", "a.sif"])))).toMatchObject({ objectCount: 4 });
  });

  it("check tells blocks that are stored from those that are compressed", async (context) => {
    const place = await placeWithImages(context);
    const layers = [await makeLayer({ big: "line\n".repeat(100_000), noise: randomBytes(300_000) })];
    await makeSif(join(place.out, "mixed.sif"), { layers });
    await makeSif(join(place.out, "stored.sif"), { layers }, { compression: { kind: "none" } });
    const mixed = /in (\d+) blocks \((\d+) gzip, (\d+) stored\)\n/.exec(out(await place.run(["check", "mixed.sif"])));
    const [all, compressed, stored] = (mixed ?? []).slice(1).map(Number);
    expect(stored).toBeGreaterThanOrEqual(2);
    expect(compressed).toBeGreaterThanOrEqual(4);
    expect(all).toBe((compressed ?? 0) + (stored ?? 0));
    expect(out(await place.run(["check", "stored.sif"]))).toMatch(/ bytes in \d+ stored blocks\n/);
    const { partitions } = JSON.parse(out(await place.run(["check", "-j", "mixed.sif"])));
    expect(partitions[0]).toMatchObject({ blockCount: all, storedBlockCount: stored });
  });

  it.for<[args: readonly string[], says: readonly (string | RegExp)[]]>([
    [["ls", "nosuch"], ['Cannot open image "nosuch": no such file or directory']],
    [["ls", "text"], ["image format not recognized"]],
    [["ls", "a.sif", "nosuch"], ['There is no "nosuch" in "a.sif, object 4"']],
    [["cat", "a.sif", "etc"], ['"etc" in "a.sif, object 4" is not a regular file but a directory']],
    [["diff", "a.sif", "text"], ["image format not recognized"]],
    [["check", "cut.sif"], [/object 4 of "cut\.sif": its descriptor says bytes \d+ to \d+, the file has \d+/]],
    [["ls", "cut.sif"], [/object 4 of "cut\.sif"/]],
    [["check", "flipped.sif"], [/of "flipped\.sif, object 4" at byte \d+/]],
    [["cat", "flipped.sif", "big"], [/of "flipped\.sif, object 4" at byte \d+/]],
    [["inspect", "text"], ["Failed to open image text: image format not recognized"]],
    [
      ["inspect", "nosuch"],
      [/Failed to open image nosuch: failed to retrieve path for nosuch: lstat \/.*nosuch: no such file/],
    ],
  ])("%j fails with one message", async ([args, says], context) => {
    const place = await placeWithImages(context);
    const sif = await readFile(join(place.out, "a.sif"));
    const { offset } = findPrimaryPartition(await readSif(bytesAccess(sif)))!;
    await writeFile(join(place.out, "cut.sif"), sif.subarray(0, offset + 200));
    // The first block is that of the large file.
    for (let i = 0; i < 40; i++) sif.writeUInt8(0x5a, offset + 96 + 20 + i);
    await writeFile(join(place.out, "flipped.sif"), sif);
    await writeFile(join(place.out, "text"), "x".repeat(1000));
    const files: Record<string, string> = {};
    for (const name of ["a.sif", "b.sif", "cut.sif", "flipped.sif", "text"])
      files[name] = (await readFile(join(place.out, name))).toString("latin1");
    await expectFailure(place, await place.run(args), { says, files });
  });

  it.for([
    [["ls"], "accepts between 1 and 2 arg(s), received 0"],
    [["cat", "x"], "accepts 2 arg(s), received 1"],
    [["diff", "x"], "accepts 2 arg(s), received 1"],
    [["diff", "--ignore", "size,colour", "x", "y"], 'invalid value "colour" of --ignore'],
    [["check"], "accepts 1 arg(s), received 0"],
    [["inspect"], "accepts 1 arg(s), received 0"],
    [["inspect", "--oci", "x"], "unknown flag: --oci"],
  ] as const)("%j is told with the usage, exit code 1", async ([args, message], context) => {
    const place = await createWorkplace(context);
    const end = await place.run(args);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain(`Error for command "${args[0]}": ${message}`);
  });

  it("a reader that stops reading ends a listing quietly", async (context) => {
    const place = await placeWithImages(context);
    const { child, ended } = place.start(["cat", "a.sif", "big"]);
    child.stdout?.once("data", () => child.stdout?.destroy());
    expect(await ended).toMatchObject({ code: 0, stderr: "" });
  });
});
