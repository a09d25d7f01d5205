import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, type TestContext } from "vitest";
import { digestOf } from "../support/registry-image.ts";
import { entry, tar } from "../tar/tar-bytes.ts";
import { createRegistry, createWorkplace, expectFailure, expectHygiene, type Workplace } from "./workplace.ts";

const LAYER = gzipSync(tar(entry({ name: "data" }, randomBytes(20_000))));
const LAYER_DIGEST = digestOf(LAYER);

const cacheOf = ({ env }: Workplace) => join(env.HOME as string, ".sifon", "cache");
const blobsOf = (place: Workplace) => join(cacheOf(place), "blob", "blobs", "sha256");

/** A registry, and a place that has pulled from it once with these options. */
async function pulled(context: TestContext, options: readonly string[] = ["--cache"], env: NodeJS.ProcessEnv = {}) {
  const registry = await createRegistry(context, { layers: [LAYER] });
  const place = await createWorkplace(context);
  const uri = `docker://${registry.host}/some/image`;
  const first = await place.run(["pull", "--no-https", ...options, "first.sif", uri], { env });
  expect(first.code, first.stderr).toBe(0);
  registry.requests.length = 0;
  return { registry, place, uri, first };
}

async function run(place: Workplace, ...args: string[]) {
  const end = await place.run(args);
  expect(end.code, end.stderr).toBe(0);
  expectHygiene(end);
  return { stdout: end.stdout.toString(), stderr: end.stderr };
}

describe.concurrent("pull --cache", () => {
  it("keeps the blobs, and fetches none the next time, with or without the option", async (context) => {
    const { registry, place, uri } = await pulled(context);
    expect(await readdir(blobsOf(place))).toHaveLength(3);
    const { stderr } = await run(place, "pull", "--no-https", "second.sif", uri);
    expect(registry.requests.map(({ method }) => method)).toEqual(["HEAD"]);
    expect(stderr).toContain(`Skipping fetch of repeat blob ${LAYER_DIGEST}\n`);
    expect(stderr).not.toContain("Copying");
    const [first, second] = await Promise.all(
      ["first.sif", "second.sif"].map((name) => readFile(join(place.out, name))),
    );
    expect((first as Buffer).equals(second as Buffer)).toBe(true);
  });

  it.for([
    ["SIFON_CACHE", { SIFON_CACHE: "1" }, true],
    ["APPTAINER_CACHE", { APPTAINER_CACHE: "true" }, true],
    ["nothing", {}, false],
    ["--disable-cache above it", { SIFON_CACHE: "1", APPTAINER_DISABLE_CACHE: "1" }, false],
  ] as const)("by %s", async ([, env, writes], context) => {
    const { place } = await pulled(context, [], env);
    expect(await readdir(place.env.HOME as string)).toEqual(writes ? [".sifon"] : []);
  });

  it("is not read with --disable-cache", async (context) => {
    const { registry, place, uri } = await pulled(context);
    const { stderr } = await run(place, "pull", "--no-https", "--disable-cache", "second.sif", uri);
    expect(registry.requests.map(({ method }) => method)).toEqual(["GET", "GET", "GET"]);
    expect(stderr).not.toContain("Skipping");
  });

  it.for([["SIFON_CACHEDIR"], ["APPTAINER_CACHEDIR"], ["SINGULARITY_CACHEDIR"]] as const)(
    "goes to %s",
    async ([name], context) => {
      const { place } = await pulled(context, ["--cache"], { [name]: "../cachedir" });
      expect(await readdir(join(place.out, "..", "cachedir", "cache", "blob", "blobs", "sha256"))).toHaveLength(3);
    },
  );

  it("holds the size that it may have", async (context) => {
    const { place } = await pulled(context, ["--cache", "--cache-size", "10k"]);
    expect(await readdir(blobsOf(place))).toHaveLength(2);
  });

  it("refuses a size that is none", async (context) => {
    const place = await createWorkplace(context);
    const { code, stderr } = await place.run(["pull", "--cache-size", "much", "docker://127.0.0.1:1/x"]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('Error for command "pull": invalid value "much" of --cache-size'),
    ]);
  });

  it("warns of a place that cannot be written, and goes on", async (context) => {
    const { place, first } = await pulled(context, ["--cache"], { SIFON_CACHEDIR: "/proc/nowhere" });
    expect(first.stderr).toContain("WARNING: Cache disabled - cache location /proc/nowhere/cache is not writable. ");
    expect(await readdir(place.out)).toEqual(["first.sif"]);
  });

  it("drops a damaged blob, and fetches it anew in the same run", async (context) => {
    const { registry, place, uri } = await pulled(context);
    const path = join(blobsOf(place), LAYER_DIGEST.slice(7));
    await writeFile(path, Buffer.alloc(LAYER.length));
    const { stderr } = await run(place, "pull", "--no-https", "second.sif", uri);
    expect(stderr).toMatch(/^WARNING: Cached blob sha256:[0-9a-f]+ is damaged; it is dropped and fetched anew/m);
    expect(registry.requests.map(({ method }) => method)).toEqual(["HEAD", "GET"]);
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });

  it("tells with -v what will be written where", async (context) => {
    const { place, uri } = await pulled(context);
    const { stderr } = await run(place, "-v", "pull", "--no-https", "--cache", "second.sif", uri);
    expect(stderr).toMatch(/^VERBOSE: {1}The image will need about \d+\.\dKiB in \/.*\/out \([\d.]+[KMGT]iB free\)$/m);
  });
});

describe.concurrent("cache list", () => {
  it("counts what is there, as Apptainer says it", async (context) => {
    const { place } = await pulled(context);
    const folder = join(cacheOf(place), "oci-tmp");
    await mkdir(folder);
    await writeFile(join(folder, "abc"), Buffer.alloc(3 << 20));
    const { stdout } = await run(place, "cache", "list");
    expect(stdout).toMatch(
      /^There are 1 container file\(s\) using 3\.00 MiB and 3 oci blob file\(s\) using 2\d\.\d\d KiB of space\nTotal space used: 3\.0\d MiB\n$/,
    );
    expect((await run(place, "cache", "list", "--type", "blob")).stdout).toContain("There are 0 container file(s)");
    const table = (await run(place, "cache", "list", "-v")).stdout.split("\n");
    expect(table[0]).toMatch(/^NAME {21}DATE CREATED {11}SIZE {13}TYPE$/);
    expect(
      table.filter((line) => /^[0-9a-f]{22} {3}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {4}\d.* blob$/.test(line)),
    ).toHaveLength(3);
  });

  it("of no cache", async (context) => {
    const { stdout } = await run(await createWorkplace(context), "cache", "list");
    expect(stdout).toBe(
      "There are 0 container file(s) using 0.00 KiB and 0 oci blob file(s) using 0.00 KiB of space\nTotal space used: 0.00 KiB\n",
    );
  });

  it.for([
    [["cache", "list", "--type", "nonsense"], 'Error for command "cache": invalid value "nonsense" of --type'],
    [["cache", "list", "word"], 'Error for command "cache": accepts 0 arg(s), received 1'],
    [["cache", "clean", "-D", "-3"], 'Error for command "cache": invalid value "-3" of --days'],
    [["cache", "dust"], 'Error for command "cache": unknown command "dust" for "sifon cache"'],
    [["cache", "verify", "--nonsense"], 'Error for command "verify": unknown flag: --nonsense'],
  ] as const)("%j is a wrong call", async ([args, says], context) => {
    const { code, stderr } = await (await createWorkplace(context)).run(args);
    expect([code, stderr]).toEqual([1, expect.stringContaining(says)]);
  });
});

describe.concurrent("cache clean", () => {
  it("shows with -n what it would remove", async (context) => {
    const { place } = await pulled(context);
    const { stdout, stderr } = await run(place, "cache", "clean", "-n");
    expect(stdout).toBe("User requested a dry run. Not actually deleting any data!\n");
    expect(stderr.match(/^INFO: {4}Removing blob cache entry: [0-9a-f]{64}$/gm)).toHaveLength(3);
    expect(await readdir(blobsOf(place))).toHaveLength(3);
  });

  it("asks, and without an answer removes nothing", async (context) => {
    const { place } = await pulled(context);
    const end = await place.run(["cache", "clean"]);
    expect(end.stderr).toContain(
      "This will delete everything in your cache (containers from all sources and OCI blobs).",
    );
    expect(end.stderr).toMatch(
      /FATAL: {3}Handle clean failed: could not prompt user: could not read user's input: EOF\n$/,
    );
    expect(end.code).toBe(255);
    expect(await readdir(blobsOf(place))).toHaveLength(3);
  });

  it("removes all with -f, and then has nothing to do", async (context) => {
    const { place } = await pulled(context);
    await run(place, "cache", "clean", "-f");
    expect(await readdir(blobsOf(place))).toEqual([]);
    const { stderr } = await run(place, "cache", "clean", "-f");
    expect(stderr).toBe(`INFO:    No cached files to remove at ${cacheOf(place)}\n`);
  });

  it("removes what is older than -D days, of the types of -T", async (context) => {
    const { place } = await pulled(context);
    const path = join(blobsOf(place), LAYER_DIGEST.slice(7));
    const old = new Date(Date.now() - 3 * 86_400_000);
    await utimes(path, old, old);
    await run(place, "cache", "clean", "-f", "-D", "2", "-T", "oci");
    await run(place, "cache", "clean", "-f", "-D", "4");
    expect(await readdir(blobsOf(place))).toHaveLength(3);
    await run(place, "cache", "clean", "-f", "-D", "2", "-T", "blob");
    expect(await readdir(blobsOf(place))).toHaveLength(2);
  });
});

describe.concurrent("cache verify", () => {
  it("reads every blob, tells what is damaged, and removes it with --fix", async (context) => {
    const { place } = await pulled(context);
    expect((await run(place, "cache", "verify")).stdout).toMatch(
      /^3 oci blob file\(s\) checked, 2\d\.\d\d KiB; 0 damaged\n0 container file\(s\) checked, 0\.00 KiB; 0 damaged\n$/,
    );
    await writeFile(join(blobsOf(place), LAYER_DIGEST.slice(7)), "damaged");
    const end = await place.run(["cache", "verify"]);
    expect(end.stderr).toMatch(/^ERROR: {3}Damaged blob .*: its bytes have the digest sha256:/m);
    await expectFailure(place, end, {
      says: ["holds 1 damaged blob(s). Remove them with --fix."],
      files: { "first.sif": (await readFile(join(place.out, "first.sif"))).toString("latin1") },
    });
    await run(place, "cache", "verify", "--fix");
    expect((await run(place, "cache", "verify")).stdout).toMatch(/^2 oci/);
  });
});
