import { chmod, mkdir, mkdtemp, rm, rmdir, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../support/command.ts";
import { busybox, busyboxLayer } from "../support/runnable-image.ts";
import { mustSifon, SIFON_MAIN, sifon } from "../support/sifon.ts";
import { makeSif } from "../support/small-sif.ts";
import { requireTool } from "../support/tools.ts";

const ready = [busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse")].every(
  (tool) => tool !== undefined,
);
const ORDINARY_ID = 65_534;
const SETPRIV = ["setpriv", `--reuid=${ORDINARY_ID}`, `--regid=${ORDINARY_ID}`, "--clear-groups"];

describe.skipIf(!ready)("a container that means harm", () => {
  let folder: string;
  let sandbox: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-hostile-container-"));
    await chmod(folder, 0o755);
    sandbox = join(folder, "sandbox");
    const image = join(folder, "base.sif");
    await makeSif(image, { layers: [await busyboxLayer()], config: { Env: ["PATH=/bin"] } });
    await mustSifon(["build", "--sandbox", sandbox, image]);
    await symlink("/etc", join(sandbox, "work"));
    await symlink("work", join(sandbox, "chain"));
    await rmdir(join(sandbox, "root"));
    await symlink("/etc", join(sandbox, "root"));
    await mkdir(join(folder, "host"));
    await writeFile(join(folder, "host/of-the-host"), "");
    await symlink(join(folder, "host"), join(sandbox, "host"));
    await mustSifon(["build", join(folder, "links.sif"), sandbox]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  // What a link of the image leads to is the image's, though whoever enters the container looks paths up on the host.
  const PLACES: readonly (readonly [options: readonly string[], where: string])[] = [
    [["--contain", "--cwd", "/work"], "/etc"],
    [["--contain", "--cwd", "/chain"], "/etc"],
    [["--contain", "--cwd", "/work/../work/."], "/etc"],
    [["--containall", "--pid", "--home", "FOLDER/host:/work/home", "--cwd", "/chain/home"], "/etc/home"],
    [["--contain", "--no-home", "--cwd", "/root"], "/etc"],
  ];
  /** Two folders up from there is the container's root, which has the link. */
  const SCRIPT = "readlink /proc/self/cwd; cd -P ../.. && [ -L chain ] && echo inside";
  describe.each(["sandbox", "links.sif"])("in %s", (name) => {
    it.each(PLACES)("works with %j in the container's own %s", async (options, where) => {
      const words = options.map((word) => word.replace("FOLDER", folder));
      const call = ["exec", ...words, join(folder, name), "sh", "-c", SCRIPT];
      const root = await sifon(call, { cwd: folder });
      expect({ stdout: root.stdout, code: root.code }, root.stderr).toEqual({ stdout: `${where}\ninside\n`, code: 0 });
      if (process.getuid?.() !== 0) return;
      const user = await runCommand("setpriv", [...SETPRIV.slice(1), process.execPath, SIFON_MAIN, ...call], {
        cwd: "/",
      });
      expect({ stdout: user.stdout, code: user.code }, user.stderr).toEqual({ stdout: `${where}\ninside\n`, code: 0 });
    });
  });

  it("has no working directory of the host's that it cannot see", async () => {
    const call = ["exec", "--contain", "--cwd", "/host", join(folder, "links.sif"), "ls"];
    expect(await sifon(call, { cwd: folder })).toMatchObject({
      ...{ code: 255, stdout: "" },
      stderr: expect.stringContaining("failed to set working directory: chdir /host: no such file or directory"),
    });
  });

  it.each([
    ["a value that doubles for ever", "A=xx; while :; do A=$A$A; done", "more than 4194304 characters in A"],
    ["words that double for ever", 'set -- a b; while :; do set -- "$@" "$@"; done', "more than 50000 words"],
    ["replacements that multiply", "A=a; while :; do A=${A//a/aaaaaaaa}; done", "a replacement in so long a text"],
    ["outputs that double for ever", 'A=xx; while :; do A="$(echo "$A$A")"; done', "more than 4194304 characters in A"],
    ["loops without an end", "while :; do :; done", "more than 100000 rounds of loops"],
  ])("cannot exhaust Sifon by %s", async (_what, script, says) => {
    const bare = join(folder, "bare");
    await mkdir(join(bare, ".singularity.d/env"), { recursive: true });
    for (const path of ["bin", "etc", "dev", "proc", "sys", "tmp"]) await mkdir(join(bare, path), { recursive: true });
    await writeFile(join(bare, ".singularity.d/env/50-user.sh"), script);
    const { code, stderr } = await sifon(["exec", bare, "true"], { cwd: folder });
    expect(code).toBe(255);
    expect(stderr).toContain(says);
  });
});
