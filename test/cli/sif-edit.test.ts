import { execFileSync, spawn } from "node:child_process";
import { link, open, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { withFileAccess } from "../../src/bytes/random-access.ts";
import { readSif } from "../../src/sif/reader.ts";
import { minimalSif } from "../sif/minimal-sif.ts";
import { SIFON_MAIN, type SifonProcess } from "../support/sifon.ts";
import { createWorkplace, expectHygiene, type Workplace } from "./workplace.ts";

async function placeWithSif(context: Parameters<typeof createWorkplace>[0]): Promise<Workplace> {
  const place = await createWorkplace(context);
  await writeFile(join(place.out, "x.sif"), await minimalSif());
  await writeFile(join(place.out, "object"), "content\n");
  return place;
}

/** Resolves once the file is longer than it was. */
async function grown(path: string, former: number): Promise<void> {
  while ((await stat(path)).size <= former) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Adds what comes from a pipe whose writer writes some, and then neither more nor its end. */
async function addFromPipe(place: Workplace, { onTestFinished }: TestContext): Promise<SifonProcess> {
  const path = join(place.out, "pipe");
  execFileSync("mkfifo", [path]);
  const run = place.start(["sif", "add", "--datatype", "7", "x.sif", "pipe"]);
  const writer = await open(path, "r+");
  onTestFinished(() => writer.close());
  await writer.write(Buffer.alloc(40_000, "x"));
  return run;
}

describe.concurrent("sif add", () => {
  it.for(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
    "stopped by %s while it reads a pipe leaves the file as it was",
    async (signal, context) => {
      const place = await placeWithSif(context);
      const path = join(place.out, "x.sif");
      const former = await readFile(path);
      const run = await addFromPipe(place, context);
      await grown(path, former.length);
      run.child.kill(signal);
      const end = await run.ended;
      expectHygiene(end);
      expect([end.code, end.stderr]).toEqual([
        { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }[signal],
        `FATAL:   Interrupted by ${signal}: nothing was written\n`,
      ]);
      expect((await readFile(path)).equals(former)).toBe(true);
    },
  );

  it("stopped by SIGTERM while it reads a large file leaves the file as it was", async (context) => {
    const place = await placeWithSif(context);
    const path = join(place.out, "x.sif");
    const former = await readFile(path);
    await writeFile(join(place.out, "large"), "");
    await truncate(join(place.out, "large"), 64 * 2 ** 30);
    const run = place.start(["sif", "add", "--datatype", "7", "x.sif", "large"]);
    await grown(path, former.length);
    run.child.kill("SIGTERM");
    expect((await run.ended).code).toBe(143);
    expect((await readFile(path)).equals(former)).toBe(true);
  });

  it("killed while it reads leaves a file that says what it said before", async (context) => {
    const place = await placeWithSif(context);
    const path = join(place.out, "x.sif");
    const former = await readFile(path);
    const run = await addFromPipe(place, context);
    await grown(path, former.length);
    run.child.kill("SIGKILL");
    expect((await run.ended).signal).toBe("SIGKILL");
    expect((await readFile(path)).subarray(0, former.length).equals(former)).toBe(true);
    // What is left behind the objects is told, and gives way to the next one.
    const { size } = await stat(path);
    const said = await place.run(["check", "x.sif"]);
    expect(said.stdout.toString()).toContain(`the last ${size - former.length} bytes belong to no object`);
    expect((await place.run(["sif", "add", "--datatype", "7", "x.sif", "object"])).code).toBe(0);
    const { objects } = await withFileAccess(path, readSif);
    expect(objects.at(-1)).toMatchObject({ id: 4, offset: former.length, size: 8 });
    expect((await stat(path)).size).toBe(former.length + 8);
    expect((await place.run(["check", "x.sif"])).stdout.toString()).not.toContain("belong to no object");
  });

  it("beyond the limit of a file's size names the file and leaves it as it was", async (context) => {
    const place = await placeWithSif(context);
    const path = join(place.out, "x.sif");
    const former = await readFile(path);
    await writeFile(join(place.out, "large"), Buffer.alloc(1 << 20, "x"));
    const words = `ulimit -f 200; exec "$0" -- "$1" sif add --datatype 7 x.sif large`;
    const child = spawn("sh", ["-c", words, process.execPath, SIFON_MAIN], { cwd: place.out });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const code = await new Promise((resolve) => child.once("close", resolve));
    expect([code, said.split("\n")[0]]).toEqual([1, 'Error for command "add": write x.sif: file too large']);
    expect((await readFile(path)).equals(former)).toBe(true);
  });

  it.for<[name: string, object: string, make: (folder: string) => Promise<unknown>]>([
    ["itself", "x.sif", async () => {}],
    ["a symbolic link to itself", "link", (folder) => symlink("x.sif", join(folder, "link"))],
    ["a hard link to itself", "link", (folder) => link(join(folder, "x.sif"), join(folder, "link"))],
  ])("refuses %s", async ([, object, make], context) => {
    const place = await placeWithSif(context);
    await make(place.out);
    const end = await place.run(["sif", "add", "--datatype", "7", "x.sif", object]);
    expectHygiene(end);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain(`Cannot add "${object}" to "x.sif": both are the same file`);
    expect((await readFile(join(place.out, "x.sif"))).equals(Buffer.from(await minimalSif()))).toBe(true);
  });

  it.for([
    ["/dev/zero", 'Cannot add "/dev/zero" to "x.sif": it is a character device.'],
    [".", 'read .: is a directory: Cannot add "." to "x.sif": it is a directory.'],
    ["nosuch", "stat nosuch: no such file or directory"],
  ] as const)("refuses %s", async ([object, message], context) => {
    const place = await placeWithSif(context);
    const end = await place.run(["sif", "add", "--datatype", "7", "x.sif", object]);
    expectHygiene(end);
    expect(end.code).toBe(1);
    expect(end.stderr).toContain(`Error for command "add": ${message}`);
    expect((await readFile(join(place.out, "x.sif"))).equals(Buffer.from(await minimalSif()))).toBe(true);
  });

  it("takes standard input, a pipe and the null device", async (context) => {
    const place = await placeWithSif(context);
    const words = [
      `"$0" -- "$1" sif add --datatype 7 x.sif /dev/stdin < object`,
      `cat object | "$0" -- "$1" sif add --datatype 7 x.sif /dev/stdin`,
      `"$0" -- "$1" sif add --datatype 7 x.sif /dev/null`,
    ].join(" && ");
    const child = spawn("sh", ["-c", words, process.execPath, SIFON_MAIN], { cwd: place.out, stdio: "ignore" });
    expect(await new Promise((resolve) => child.once("close", resolve))).toBe(0);
    const { objects } = await withFileAccess(join(place.out, "x.sif"), readSif);
    expect(objects.slice(3).map(({ size }) => size)).toEqual([8, 8, 0]);
  });
});
