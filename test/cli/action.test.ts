import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeImage, writeLayout } from "../support/registry-image.ts";
import { busybox, busyboxLayer } from "../support/runnable-image.ts";
import { sifon } from "../support/sifon.ts";
import { makeSif } from "../support/small-sif.ts";
import { requireTool } from "../support/tools.ts";

const ready = [busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse")].every(
  (tool) => tool !== undefined,
);

describe.skipIf(!ready)("sifon run, exec, shell, test", () => {
  let folder: string;
  let image: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-action-"));
    image = join(folder, "image.sif");
    await makeSif(image, {
      layers: [await busyboxLayer()],
      config: {
        Env: ["PATH=/bin", "V=image", 'HARD=a "b" $c `d`'],
        Entrypoint: ["/bin/printf", "%s|"],
        Cmd: ["cmd", "x y"],
      },
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const inFolder = (...args: string[]) => sifon(args, { cwd: folder });

  it.each([
    [["run"], [], "cmd|x y|"],
    [["run"], ["--help", "-B"], "--help|-B|"],
    [["exec"], ["printenv", "HARD"], undefined],
    [["exec"], ["sh", "-c", 'echo "$HARD"'], 'a "b" $c `d`\n'],
    [["exec", "--env", "V=given"], ["sh", "-c", "echo $V"], "given\n"],
    [["exec", "-B", "/etc:/mnt/a b:ro"], ["sh", "-c", "touch '/mnt/a b/x' 2>&1"], undefined],
    [["exec", "--writable-tmpfs"], ["sh", "-c", "echo w >/new && cat /new"], "w\n"],
    [["exec", "--contain"], ["sh", "-c", "ls -A /tmp | wc -l; pwd | grep -c /"], "0\n1\n"],
  ])("sifon %j IMAGE %j", async (before, after, stdout) => {
    const result = await inFolder(...before, image, ...after);
    if (stdout === undefined) expect(result.code).not.toBe(0);
    else expect(result).toMatchObject({ stdout, code: 0 });
  });

  it.each([
    [["sh", "-c", "exit 42"], 42, ""],
    [["sh", "-c", "kill -9 $$"], 137, ""],
    [["nonexistent"], 255, 'FATAL:   "nonexistent": executable file not found in $PATH\n'],
    [["/nonexistent"], 255, "FATAL:   stat /nonexistent: no such file or directory\n"],
    [["/etc/passwd"], 255, "FATAL:   permission denied\n"],
  ])("sifon exec IMAGE %j ends with %i", async (words, code, stderr) => {
    expect(await inFolder("exec", image, ...words)).toMatchObject({ code, stderr, stdout: "" });
  });

  it("tells a missing bind source, and runs nothing", async () => {
    const { code, stderr, stdout } = await inFolder("exec", "-B", "/nonexistent", image, "echo", "ran");
    expect({ code, stdout }).toEqual({ code: 255, stdout: "" });
    expect(stderr).toMatch(/^WARNING: skipping mount of \/nonexistent: .*\nFATAL: {3}container creation failed: /);
  });

  it("writes to a sandbox with --writable, and never to a SIF", async () => {
    const sandbox = join(folder, "sandbox");
    await sifon(["build", "--sandbox", sandbox, image]);
    const script = ["sh", "-c", "echo x >/new; cat /new"];
    expect(await inFolder("exec", "--writable", sandbox, ...script)).toMatchObject({ stdout: "x\n", code: 0 });
    const refused = await inFolder("exec", "--writable", image, ...script);
    expect(refused).toMatchObject({
      code: 255,
      stderr: `FATAL:   no SIF writable overlay partition found in ${image}\n`,
    });
  });

  it("keeps what is written with --overlay for the next run", async () => {
    const overlay = join(folder, "overlay");
    await mkdir(overlay);
    await writeFile(join(folder, "marker"), "");
    await inFolder("exec", "--overlay", overlay, image, "sh", "-c", "echo kept >/kept");
    expect((await inFolder("exec", "--overlay", `${overlay}:ro`, image, "cat", "/kept")).stdout).toBe("kept\n");
  });

  it("runs a source: converted once, then found in the cache, also offline", async () => {
    const layout = join(folder, "layout");
    const { blobs, descriptor } = await makeImage({ diffIds: [], layers: [await busyboxLayer()] });
    await writeLayout(layout, blobs, [descriptor]);
    const env = { SIFON_CACHEDIR: join(folder, "cache") };
    const run = (...options: string[]) =>
      sifon(["exec", ...options, `oci:${layout}`, "echo", "ran"], { cwd: folder, env });
    const first = await run();
    expect(first).toMatchObject({ stdout: "ran\n", code: 0 });
    expect(first.stderr).not.toContain("Using cached SIF image");
    for (const options of [[], ["--offline"], ["--arch", "amd64"]]) {
      const again = await run(...options);
      expect(again).toMatchObject({ stdout: "ran\n", code: 0 });
      expect(again.stderr.match(/Using cached SIF image/g)).toHaveLength(1);
    }
  });
});
