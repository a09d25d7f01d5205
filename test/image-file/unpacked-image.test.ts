import { spawn } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { processMark } from "../../src/bytes/process-mark.ts";
import { listCache } from "../../src/cache/entries.ts";
import { unpackedKey } from "../../src/cache/unpacked-folder.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { removeEntry } from "../../src/remove-entry.ts";
import { type UnpackedImageOptions, unpackedImage } from "../../src/unpacked-image.ts";
import { makeSif } from "../support/small-sif.ts";

describe("unpackedImage()", () => {
  let folder: string;
  let sample: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-unpacked-test-"));
    sample = join(folder, "sample.sif");
    await makeSif(sample);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** An image and a cache of this test alone. */
  async function place() {
    const own = await mkdtemp(join(folder, "place-"));
    const image = join(own, "image.sif");
    await copyFile(sample, image);
    const env = { SIFON_CACHEDIR: join(own, "cache"), HOME: own };
    const root = join(own, "cache/cache");
    const unpacked: string[] = [];
    const warnings: string[] = [];
    const options: UnpackedImageOptions = {
      ...{ env, onUnpack: (directory: string) => unpacked.push(directory) },
      onProgress: (event: ProgressEvent) => void (event.kind === "warning" && warnings.push(event.message)),
    };
    const open = (more: UnpackedImageOptions = {}) => unpackedImage(image, { ...options, ...more });
    return { image, root, entries: join(root, "unpacked"), unpacked, warnings, open };
  }

  it("unpacks once, and finds it from then on", async () => {
    const { open, unpacked, entries } = await place();
    const first = await open();
    const second = await open();
    expect(second?.directory).toBe(first?.directory);
    expect(unpacked).toEqual([first?.directory]);
    expect(await readdir(join(first?.directory as string, "etc"))).toContain("base");
    for (const use of [first, second, second]) await use?.release();
    const [key = "", ...others] = await readdir(entries);
    expect(others).toEqual([]);
    expect(await readdir(join(entries, key))).toEqual(["root"]);
    // Nobody else gets at set-uid programs of the image.
    expect((await stat(entries)).mode & 0o777).toBe(0o700);
  });

  it("unpacks once for any number that want it at once", async () => {
    const { open, unpacked } = await place();
    const uses = await Promise.all(Array.from({ length: 8 }, () => open({ timing: { lookMs: 20 } })));
    expect(unpacked).toHaveLength(1);
    expect(new Set(uses.map((use) => use?.directory)).size).toBe(1);
    for (const use of uses) await use?.release();
  });

  it.each([
    ["its content", (image: string) => writeFile(image, "x", { flag: "r+" }).then(() => copyFile(sample, image))],
    ["its times alone", (image: string) => utimes(image, 1, 1)],
    ["its mode", (image: string) => chmod(image, 0o600)],
  ])("takes an image for another one when %s has changed, and forgets the former", async (_what, change) => {
    const { image, open, unpacked, entries } = await place();
    await (await open())?.release();
    const before = await unpackedKey(image);
    // ctime moves on with the kernel's clock, some milliseconds at a time.
    await expect.poll(() => change(image).then(() => unpackedKey(image))).not.toBe(before);
    await (await open())?.release();
    expect(unpacked).toHaveLength(2);
    expect(await readdir(entries)).toEqual([await unpackedKey(image)]);
  });

  it("keeps the former state for as long as somebody uses it", async () => {
    const { image, open, entries } = await place();
    const former = await open();
    const key = await unpackedKey(image);
    const touched = () => utimes(image, 1, 1).then(() => unpackedKey(image));
    await expect.poll(touched).not.toBe(key);
    await (await open())?.release();
    expect(await readdir(former?.directory as string)).toContain("etc");
    await former?.release();
    expect(await readdir(entries)).toHaveLength(2);
  });

  it("never takes one that is only begun, whoever left it", async () => {
    const { image, open, unpacked, entries } = await place();
    const key = await unpackedKey(image);
    for (const left of ["begun/etc", ".begun.0123456789ab-1-0123456789ab.tmp/root"])
      await mkdir(join(entries, key, left), { recursive: true });
    await chmod(entries, 0o700);
    const use = await open();
    expect(unpacked).toHaveLength(1);
    expect(await readdir(join(use?.directory as string, "etc"))).toContain("base");
    expect(await readdir(join(entries, key))).not.toContain("begun");
    await use?.release();
  });

  it("leaves nothing whole behind when it is interrupted", async () => {
    const { open, root } = await place();
    const controller = new AbortController();
    const opening = open({ signal: controller.signal, onUnpack: () => controller.abort(new Error("enough")) });
    await expect(opening).rejects.toThrow("enough");
    expect(await listCache(root, ["unpacked"])).toMatchObject([{ partial: true, size: 0 }]);
  });

  it.each([
    ["others may write to it (mode 0777)", (entries: string) => chmod(entries, 0o777)],
    ["others may write to it (mode 0720)", (entries: string) => chmod(entries, 0o720)],
  ])("trusts no folder of which %s", async (says, open) => {
    const own = await place();
    await (await own.open())?.release();
    await open(own.entries);
    expect(await own.open()).toBeUndefined();
    expect(own.warnings).toEqual([
      `Cache disabled - ${own.entries}: ${says}. Name a cache of your own with SIFON_CACHEDIR`,
    ]);
  });

  it("says where nothing can be written", async () => {
    const { open, warnings } = await place();
    expect(await open({ env: { SIFON_CACHEDIR: "/proc/nowhere" } })).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(/^Cache disabled - .* is not writable\. .*SIFON_CACHEDIR\.$/)]);
  });

  it("is not removed while it is used, by this process or by another", async () => {
    const { open, root, entries } = await place();
    const use = await open();
    const remove = async () => {
      for (const entry of await listCache(root, ["unpacked"])) await removeEntry(entry);
    };
    await expect(remove()).rejects.toMatchObject({ code: "CACHE_ENTRY_USED" });
    await use?.release();
    const [key = ""] = await readdir(entries);
    const other = spawn("sleep", ["60"], { stdio: "ignore" });
    try {
      const mark = processMark().replace(/\d+$/, String(other.pid));
      await writeFile(join(entries, key, `.use.${mark}-0123456789ab`), "");
      await expect(remove()).rejects.toMatchObject({ code: "CACHE_ENTRY_USED" });
    } finally {
      const gone = new Promise((resolve) => other.once("close", resolve));
      other.kill("SIGKILL");
      await gone;
    }
    await remove();
    expect(await readdir(entries)).toEqual([]);
  });

  it.each([
    ["a minute", 60_000, false],
    ["an hour", 3_600_000, true],
  ])("counts a run on another host without a beat for %s as it should", async (_what, silentMs, removed) => {
    const { open, root, entries } = await place();
    await (await open())?.release();
    const [key = ""] = await readdir(entries);
    const mark = join(entries, key, ".use.0123456789ab-1-0123456789ab");
    await writeFile(mark, "");
    const then = new Date(Date.now() - silentMs);
    await utimes(mark, then, then);
    const [entry] = await listCache(root, ["unpacked"]);
    const removal = removeEntry(entry!);
    if (removed) await removal;
    else await expect(removal).rejects.toMatchObject({ code: "CACHE_ENTRY_USED" });
    expect(await readdir(entries)).toHaveLength(removed ? 0 : 1);
  });

  it("lists an entry with the sizes of its files", async () => {
    const { open, root } = await place();
    const use = await open();
    const bytes = (await readFile(join(use?.directory as string, "etc/base"))).length;
    await use?.release();
    const [entry] = await listCache(root, ["unpacked"]);
    expect(entry).toMatchObject({ type: "unpacked", partial: false });
    expect(entry?.size).toBeGreaterThanOrEqual(bytes);
  });
});
