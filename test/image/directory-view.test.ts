import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { directoryView } from "../../src/image/directory-view.ts";

const MIB = 1 << 20;

describe("directoryView()", () => {
  let root = "";

  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), "sifon-view-"));
    root = join(folder, "root");
    mkdirSync(join(root, "etc/empty"), { recursive: true });
    writeFileSync(join(folder, "outside"), "outside");
    writeFileSync(join(root, "etc/name"), "inside", { mode: 0o755 });
    writeFileSync(Buffer.concat([Buffer.from(`${root}/etc/`), Buffer.from([0xff])]), "");
    for (const [link, target] of [
      ["absolute", "/etc/name"],
      ["escape", "../../../outside"],
      ["dangling", "nowhere"],
      ["self", "self"],
      ["folder", "/etc"],
    ] as const)
      symlinkSync(target, join(root, link));
    for (const size of [MIB, MIB + 1, 16 * MIB, 16 * MIB + 1]) {
      writeFileSync(join(root, `size-${size}`), "");
      truncateSync(join(root, `size-${size}`), size);
    }
    expect(spawnSync("mkfifo", [join(root, "fifo")]).status).toBe(0);
  });
  afterAll(() => rmSync(join(root, ".."), { recursive: true, force: true }));

  it.each([
    ["etc/name", "inside"],
    ["/etc//./name", "inside"],
    ["absolute", "inside"],
    ["folder/../etc/name", "inside"],
    ["../../etc/name", "inside"],
    ["escape", undefined],
    ["dangling", undefined],
    ["self", undefined],
    ["etc", undefined],
    ["etc/name/", "inside"],
    ["etc/name/x", undefined],
    ["etc/name/..", undefined],
    ["fifo", undefined],
  ])("read(%j): %j", async (path, expected) => {
    const content = await directoryView(root).read(path);
    expect(content && Buffer.from(content).toString()).toBe(expected);
  });

  it("list() gives names as bytes, of directories only", async () => {
    const view = directoryView(root);
    expect(await view.list("folder")).toEqual(["empty", "name", "\xff"]);
    expect(await view.list("etc/empty")).toEqual([]);
    expect(await view.list("etc/name")).toBeUndefined();
    expect(await view.list("nowhere")).toBeUndefined();
  });

  it.each([
    ["absolute", { kind: "file", executable: true }],
    ["folder", { kind: "directory", executable: true }],
    ["fifo", { kind: "other", executable: false }],
    ["dangling", undefined],
  ])("look(%j)", async (path, expected) => {
    expect(await directoryView(root).look(path)).toEqual(expected);
  });

  it.each([
    [MIB, { largest: MIB }, MIB],
    [MIB + 1, { largest: MIB }, undefined],
    [16 * MIB, {}, 16 * MIB],
  ])("read() of %d bytes with %j", async (size, options, expected) => {
    expect((await directoryView(root, options).read(`size-${size}`))?.length).toBe(expected);
  });

  it("read() refuses what is larger than 16 MiB", async () => {
    await expect(directoryView(root).read(`size-${16 * MIB + 1}`)).rejects.toMatchObject({
      code: "PATH_UNSUITABLE",
      message: `"size-16777217" in "${root}" has 16777217 bytes, limit 16777216.`,
    });
  });
});
