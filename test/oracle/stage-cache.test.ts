import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { withFileAccess } from "../../src/bytes/random-access.ts";
import { findJson } from "../../src/sif/image.ts";
import { readObject, readSif } from "../../src/sif/reader.ts";
import { readBuildRecord } from "../../src/singularity-d/build-record.ts";
import { smallTree } from "../singularity-d/small-tree.ts";
import { mustSifon, sifon, startSifon } from "../support/sifon.ts";
import { requireTool } from "../support/tools.ts";
import { writeOciLayout } from "./oci-layout.ts";

const busybox = requireTool("busybox", "busybox-static");
const ready = [busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse")].every(Boolean);

// Scripts see the host's /tmp: each run leaves a line there, which counts it.
let folder: string;
let mark: string;
let place: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-stage-cache-"));
  if (!ready) return;
  const root = join(folder, "root");
  for (const path of ["bin", "etc", "tmp", "proc", "dev"]) await mkdir(join(root, path), { recursive: true });
  await copyFile(busybox as string, join(root, "bin/busybox"));
  for (const name of ["sh", "cat", "date", "echo", "mkdir", "rm", "sleep"])
    await symlink("busybox", join(root, "bin", name));
  await mustSifon(["build", join(folder, "base.sif"), root]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  place = await mkdtemp(join(folder, "case-"));
  mark = await mkdtemp("/tmp/sifon-runs-");
});
afterEach(() => rm(mark, { recursive: true, force: true }));

interface Definition {
  readonly word?: string;
  readonly first?: string;
  readonly last?: string;
  readonly comment?: string;
  readonly arguments?: string;
}

async function define(parts: Definition = {}): Promise<string> {
  const { word = "one", first = "", last = "", comment = "", arguments: words = "" } = parts;
  const path = join(place, "x.def");
  await writeFile(
    path,
    `${comment}Bootstrap: localimage
From: ${join(folder, "base.sif")}
Stage: first

%arguments
    WORD=${word}

%files
    ${join(place, "in")} /in
${first}
%post${words}
    echo first >> ${mark}/first
    echo {{ WORD }} > /word
    cat /in/file /proc/sys/kernel/random/uuid > /made

Bootstrap: localimage
From: ${join(folder, "base.sif")}

%files from first
    /made /got
${last}
%post
    echo last >> ${mark}/last
    cat /proc/sys/kernel/random/uuid > /own
`,
  );
  return path;
}

const runs = async () => {
  const count = async (name: string) =>
    (await readFile(join(mark, name), "utf8").catch(() => "")).split("\n").length - 1;
  return { first: await count("first"), last: await count("last") };
};
const stages = () => join(place, "cache", "cache", "stage");
const entries = async () => (await readdir(stages())).sort();
const variables = () => ({ SIFON_CACHEDIR: join(place, "cache"), SIFON_CACHE: "1" });

async function build(more: readonly string[] = [], name = "out.sif"): Promise<{ stderr: string; sif: Buffer }> {
  const args = ["build", "-F", ...more, join(place, name), join(place, "x.def")];
  const { stderr } = await mustSifon(args, { env: variables() });
  return { stderr, sif: await readFile(join(place, name)) };
}

describe.runIf(ready)("stages in the cache", () => {
  beforeEach(async () => {
    await mkdir(join(place, "in"));
    await writeFile(join(place, "in", "file"), "content\n");
    await define();
  });

  it("are not run again where nothing changed, and give the same bytes", async () => {
    const first = await build();
    expect(first.stderr).not.toContain("Using cached");
    const second = await build();
    expect(await runs()).toEqual({ first: 1, last: 1 });
    expect(second.stderr).toContain("Using cached stage first\n");
    expect(second.stderr).toContain("Using cached stage 2\n");
    expect(second.sif.equals(first.sif)).toBe(true);
    expect(await entries()).toHaveLength(2);
  });

  it.each<readonly [string, Definition, { first: number; last: number }]>([
    ["a build argument", { word: "two" }, { first: 2, last: 2 }],
    ["a section's arguments", { arguments: " -u" }, { first: 2, last: 2 }],
    ["a label of the first stage", { first: "%labels\n    a b\n" }, { first: 2, last: 2 }],
    ["a text of the last stage", { last: "%runscript\n    echo\n" }, { first: 1, last: 2 }],
    ["a comment", { comment: "# new\n\n" }, { first: 1, last: 1 }],
  ])("are run again for %s as far as it reaches", async (_, parts, expected) => {
    await build();
    await define(parts);
    await build();
    expect(await runs()).toEqual(expected);
  });

  it.each<readonly [string, () => Promise<void>, number]>([
    ["a file's content", () => writeFile(join(place, "in", "file"), "CONTENT\n"), 2],
    ["a new file", () => writeFile(join(place, "in", "more"), ""), 2],
    ["a file's mode", async () => chmod(join(place, "in", "file"), 0o755), 2],
    ["nothing but times", () => writeFile(join(place, "in", "file"), "content\n"), 1],
  ])("follow the host's files: %s", async (_, change, expected) => {
    await build();
    await change();
    await build();
    expect(await runs()).toEqual({ first: expected, last: expected });
  });

  it("tell this build's definition, whoever made them", async () => {
    await build();
    await define({ first: "    # new\n" });
    await build();
    expect(await runs()).toEqual({ first: 1, last: 1 });
    const { stdout } = await mustSifon(["inspect", "--deffile", join(place, "out.sif")]);
    const { stdout: inside } = await mustSifon(["cat", join(place, "out.sif"), "/.singularity.d/Singularity"]);
    expect(stdout).toContain("# new");
    expect(inside).toContain("# new");
  });

  it("are neither kept nor used without the cache", async () => {
    const args = ["build", "-F", join(place, "out.sif"), join(place, "x.def")];
    for (let i = 0; i < 2; i++) await mustSifon(args, { env: { SIFON_CACHEDIR: join(place, "cache") } });
    expect(await runs()).toEqual({ first: 2, last: 2 });
    await expect(stat(stages())).rejects.toMatchObject({ code: "ENOENT" });
  });

  it.each(["%pre", "%setup"])("are run each time with %s, and so is what copies from them", async (section) => {
    await define({ first: `${section}\n    echo >> ${mark}/host\n` });
    await build();
    await build();
    expect(await runs()).toEqual({ first: 2, last: 2 });
    expect(await readFile(join(mark, "host"), "utf8")).toBe("\n\n");
  });

  it.each<readonly [string, (path: string) => Promise<void>]>([
    ["a changed byte", (path) => patch(path, 5000)],
    ["a changed footer", async (path) => patch(path, (await stat(path)).size - 1)],
    ["a cut file", async (path) => truncate(path, 3000)],
    ["an empty file", (path) => writeFile(path, "")],
  ])("with %s are found damaged, dropped and built anew", async (_, damage) => {
    await build();
    for (const name of await entries()) await damage(join(stages(), name));
    const damaged = await sifon(["cache", "verify"], { env: variables() });
    expect(damaged.code).toBe(255);
    expect(damaged.stderr).toContain("holds 2 damaged stage(s)");
    const { stderr } = await build();
    expect(stderr).toMatch(/Cached stage .* is damaged; it is dropped and built anew/);
    expect(await runs()).toEqual({ first: 2, last: 2 });
    const { stdout } = await mustSifon(["cache", "verify"], { env: variables() });
    expect(stdout).toMatch(/^2 stage\(s\) of builds checked, .*; 0 damaged$/m);
  });

  it("are listed, and cleaned", async () => {
    await build();
    const { stdout } = await mustSifon(["cache", "list", "-v"], { env: variables() });
    expect(stdout.match(/ stage$/gm)).toHaveLength(2);
    expect(stdout).toContain("There are 2 stage(s) of builds using ");
    await mustSifon(["cache", "clean", "-f", "-T", "stage"], { env: variables() });
    expect(await entries()).toEqual([]);
    await build();
    expect(await runs()).toEqual({ first: 2, last: 2 });
  });

  it("are made once by builders that run at once", async () => {
    await Promise.all(["a.sif", "b.sif", "c.sif"].map((name) => build([], name)));
    expect(await runs()).toEqual({ first: 1, last: 1 });
    const [a, b, c] = await Promise.all(["a.sif", "b.sif", "c.sif"].map((name) => readFile(join(place, name))));
    expect([b, c].map((sif) => sif?.equals(a as Buffer))).toEqual([true, true]);
  });

  it("that a killed builder has begun are begun anew", async () => {
    await define({ last: "%test\n    test -e /tmp/nonexist\n" });
    const text = (await readFile(join(place, "x.def"), "utf8")).replace(
      "> /own",
      `> /own; [ -e ${mark}/go ] || sleep 60`,
    );
    await writeFile(join(place, "x.def"), text);
    const temporary = join(place, "tmp");
    await mkdir(temporary);
    const options = ["--notest", "--tmpdir", temporary];
    const killed = startSifon(["build", "-F", ...options, join(place, "out.sif"), join(place, "x.def")], {
      env: variables(),
    });
    while ((await runs()).last === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    killed.child.kill("SIGKILL");
    await killed.ended;
    expect(await readdir(temporary)).toHaveLength(1);
    await writeFile(join(mark, "go"), "");
    await build(options);
    expect(await readdir(temporary)).toEqual([]);
    expect(await runs()).toEqual({ first: 1, last: 2 });
    expect(await entries()).toHaveLength(2);
    // What --notest left untested is no result where the test counts.
    const tested = await sifon(["build", "-F", join(place, "out.sif"), join(place, "x.def")], { env: variables() });
    expect(tested.stderr).toContain("failed to execute %test script");
    expect(await entries()).toHaveLength(2);
  });

  it("have a base of their own, which is read once whatever its scripts become", async () => {
    const layout = join(place, "layout");
    const { tree, contents } = await smallTree({
      "bin/sh": { file: await readFile(busybox as string), mode: 0o755 },
      "etc/passwd": { file: "root:x:0:0:root:/root:/bin/sh\n" },
    });
    await writeOciLayout(layout, tree, contents, "{}");
    const layers = await originIn(layout);
    const defineOn = (post: string) =>
      writeFile(
        join(place, "x.def"),
        `Bootstrap: oci\nFrom: ${layout}\n\n%post\n    echo last >> ${mark}/last\n    ${post}\n`,
      );
    await defineOn("echo 1 > /1");
    expect((await build()).stderr).not.toContain("Using cached");
    expect(await entries()).toHaveLength(2);
    // Its one layer is not asked for any more.
    await rm(join(layout, "blobs/sha256", layers.layers[0]!.replace("sha256:", "")));
    await defineOn("echo 2 > /2");
    const { stderr } = await build();
    expect(stderr).toContain(`Using cached base ${layout}\n`);
    expect(await runs()).toEqual({ first: 0, last: 2 });
    expect(await entries()).toHaveLength(3);
    for (const [name, expected] of [
      ["etc/passwd", 0],
      ["2", 0],
      ["1", 1],
    ] as const) {
      expect((await sifon(["cat", join(place, "out.sif"), name])).code === 0 ? 0 : 1, name).toBe(expected);
    }
    // Where it is from is known, by way of the cache and of another definition, too.
    expect(await recorded("out.sif")).toMatchObject(layers);
    await writeFile(join(place, "x.def"), `Bootstrap: localimage\nFrom: ${join(place, "out.sif")}\n%labels\n    a b\n`);
    await build([], "upon.sif");
    expect(await recorded("upon.sif")).toMatchObject(layers);
  });

  it("do not make a build fail where they cannot be kept", async () => {
    await mkdir(join(place, "cache", "cache"), { recursive: true });
    await writeFile(stages(), "in the way");
    const { stderr } = await build();
    expect(stderr).toContain("Cache disabled");
    expect(await runs()).toEqual({ first: 1, last: 1 });
  });
});

/** Digests of a layout's one image. */
async function originIn(layout: string): Promise<{ manifest: string; config: string; layers: string[] }> {
  const json = async (path: string) => JSON.parse(await readFile(join(layout, path), "utf8"));
  const manifest: string = (await json("index.json")).manifests[0].digest;
  const { config, layers } = await json(`blobs/sha256/${manifest.replace("sha256:", "")}`);
  return { manifest, config: config.digest, layers: layers.map(({ digest }: { digest: string }) => digest) };
}

async function recorded(name: string): Promise<unknown> {
  return withFileAccess(join(place, name), async (access) => {
    const object = findJson(await readSif(access), "inspect-metadata.json");
    return readBuildRecord(JSON.parse(Buffer.from(await readObject(access, object!)).toString("utf8")));
  });
}

async function patch(path: string, offset: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, offset);
    buffer.writeUInt8(buffer.readUInt8(0) ^ 1);
    await file.write(buffer, 0, 1, offset);
  } finally {
    await file.close();
  }
}
