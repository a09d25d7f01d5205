import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { FileSink } from "../../src/sink/file-sink.ts";
import { reportMissing } from "../support/tools.ts";
import { smallFileSystem, temporaryDirectory } from "./temporary-directory.ts";

const MIB = Buffer.alloc(1 << 20, 7);

it("FileSink shows the file under its name only when finished, with 0777 less the umask", async () => {
  const directory = temporaryDirectory();
  const sink = await FileSink.open(join(directory, "x.sif"));
  await sink.write(MIB);
  const during = readdirSync(directory);
  expect(during).toHaveLength(1);
  expect(during[0]).toMatch(/^\.x\.sif\.[0-9a-f]{12}-\d+-[0-9a-f]{12}\.tmp$/);
  await sink.finish();
  expect(readdirSync(directory)).toEqual(["x.sif"]);
  // What the umask leaves of 0777, as another new file shows it.
  writeFileSync(join(directory, "plain"), "", { mode: 0o777 });
  expect(statSync(join(directory, "x.sif")).mode & 0o777).toBe(statSync(join(directory, "plain")).mode & 0o777);
});

it.each(["before the first byte", "after some"])("FileSink.abort() leaves nothing behind: %s", async (when) => {
  const directory = temporaryDirectory();
  const sink = await FileSink.open(join(directory, "x.sif"));
  if (when === "after some") for (let i = 0; i < 5; i++) await sink.write(MIB);
  await sink.abort(new Error("stop"));
  await sink.abort(new Error("again"));
  expect(readdirSync(directory)).toEqual([]);
  await expect(sink.write(MIB)).rejects.toThrow();
});

it("FileSink.abort() after finish() keeps the file", async () => {
  const directory = temporaryDirectory();
  const sink = await FileSink.open(join(directory, "x"));
  await sink.finish();
  await sink.abort(new Error("late"));
  expect(readdirSync(directory)).toEqual(["x"]);
});

it("FileSink.open() refuses an existing file unless told to overwrite", async () => {
  const path = join(temporaryDirectory(), "x");
  writeFileSync(path, "old");
  await expect(FileSink.open(path)).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
  const sink = await FileSink.open(path, { overwrite: true });
  await sink.write(Buffer.from("new"));
  expect(readFileSync(path, "utf8")).toBe("old");
  await sink.finish();
  expect(readFileSync(path, "utf8")).toBe("new");
});

it("FileSink.finish() refuses a file that came into being meanwhile, and abort() cleans up", async () => {
  const directory = temporaryDirectory();
  const path = join(directory, "x");
  const sink = await FileSink.open(path);
  writeFileSync(path, "someone else's");
  await expect(sink.finish()).rejects.toMatchObject({ code: "OUTPUT_EXISTS" });
  await sink.abort(undefined);
  expect(readdirSync(directory)).toEqual(["x"]);
  expect(readFileSync(path, "utf8")).toBe("someone else's");
});

it("FileSink replaces a symlink, not what it leads to", async () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "real"));
  writeFileSync(join(directory, "real/x"), "old");
  symlinkSync("real/x", join(directory, "link"));
  const sink = await FileSink.open(join(directory, "link"), { overwrite: true });
  await sink.write(Buffer.from("new"));
  await sink.finish();
  expect(readFileSync(join(directory, "real/x"), "utf8")).toBe("old");
  expect(readFileSync(join(directory, "link"), "utf8")).toBe("new");
  expect(lstatSync(join(directory, "link")).isFile()).toBe(true);
  expect(readdirSync(directory).sort()).toEqual(["link", "real"]);
});

it("FileSink.open() names what stands in the way", async () => {
  const directory = temporaryDirectory();
  await expect(FileSink.open(directory)).rejects.toMatchObject({ code: "OUTPUT_IS_DIRECTORY" });
  await expect(FileSink.open(join(directory, "no/x"))).rejects.toMatchObject({ code: "OPEN_FAILED" });
});

it("FileSink.open() takes names up to 255 bytes", async () => {
  const directory = temporaryDirectory();
  const name = "ä".repeat(127) + "x";
  const sink = await FileSink.open(join(directory, name));
  await sink.finish();
  expect(readdirSync(directory)).toEqual([name]);
});

it("FileSink reports a full disk with the byte, and abort() frees it", async () => {
  const directory = smallFileSystem(2048);
  if (directory === undefined) return reportMissing("mounting a tmpfs is not allowed here");
  const sink = await FileSink.open(join(directory, "x.sif"));
  const fill = async () => {
    for (let i = 0; i < 8; i++) await sink.write(MIB);
    await sink.finish();
  };
  await expect(fill()).rejects.toMatchObject({
    code: "DISK_FULL",
    message: expect.stringMatching(/x\.sif" at byte 2097152: no space left .* Free some space/),
    details: { offset: 2097152 },
  });
  await sink.abort(undefined);
  expect(readdirSync(directory)).toEqual([]);
});
