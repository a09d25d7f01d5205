import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../support/command.ts";
import { busybox, busyboxLayer } from "../support/runnable-image.ts";
import { makeSif } from "../support/small-sif.ts";
import { requireTool } from "../support/tools.ts";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const ready = [busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse")].every(
  (tool) => tool !== undefined,
);

describe.skipIf(!ready)("a SIF that is executed by its own name", () => {
  let folder: string;
  let env: Record<string, string | undefined>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon own name-"));
    const config = {
      Env: ["PATH=/bin"],
      Entrypoint: ["/bin/sh", "-c", 'printf "<%s>" "$0" "$@"; printf %s "$V"; cat; exit 7'],
      Cmd: ["of CMD"],
    };
    await makeSif(join(folder, "lolcow.sif"), { layers: [await busyboxLayer()], config });
    await makeSif(join(folder, "dies.sif"), {
      layers: [await busyboxLayer()],
      config: { Entrypoint: ["/bin/sh", "-c", "kill -9 $$"] },
    });
    // npm makes the package's programs executable; those of a build are not.
    const { bin } = JSON.parse(await readFile(join(PROJECT, "package.json"), "utf8")) as {
      bin: Record<string, string>;
    };
    await mkdir(join(folder, "bin"));
    for (const [name, file] of Object.entries(bin)) {
      const text = `#!/bin/sh
exec '${process.execPath}' '${join(PROJECT, file)}' "$@"
`;
      await writeFile(join(folder, "bin", name), text, { mode: 0o755 });
    }
    env = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
    env = { ...env, PATH: `${join(folder, "bin")}:/usr/bin:/bin`, HOME: folder };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const execute = (file: string, args: readonly string[] = [], more: Record<string, string> = {}, stdin = "") =>
    runCommand(file, args, { cwd: folder, stdin, env: { ...env, ...more } });

  it("begins with the line that leads to run-singularity", async () => {
    const head = (await readFile(join(folder, "lolcow.sif"))).subarray(0, 32).toString("latin1");
    expect(head).toMatch(/^#!\/usr\/bin\/env run-singularity\n\0/);
  });

  it.each([
    ["./lolcow.sif", [], "<of CMD>"],
    ["./lolcow.sif", ["a  b", "", "--help", "-B", "it's", "*"], "<a  b><><--help><-B><it's><*>"],
    ["bin/../lolcow.sif", ["by a path"], "<by a path>"],
  ])("%s %j", async (file, args, stdout) => {
    expect(await execute(file, args)).toMatchObject({ stdout, stderr: "", code: 7 });
    expect(await execute(join(folder, file), args)).toMatchObject({ stdout, stderr: "", code: 7 });
  });

  it("reads standard input, and variables in the place of options", async () => {
    expect(await execute("./lolcow.sif", ["x"], { SIFON_CLEANENV: "1" }, "piped")).toMatchObject({
      stdout: "<x>piped",
    });
    expect(await execute("./lolcow.sif", ["x"], { APPTAINERENV_V: "given" })).toMatchObject({ stdout: "<x>given" });
  });

  it("ends as its program ends", async () => {
    expect(await execute("./dies.sif")).toMatchObject({ code: 137, stdout: "", stderr: "" });
    const child = spawn("./lolcow.sif", ["waits"], { cwd: folder, env: env as NodeJS.ProcessEnv });
    const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: null, signal: "SIGTERM" });
  });

  it("says what it is where it is not one", async () => {
    const damaged = join(folder, "damaged.sif");
    await writeFile(damaged, "#!/usr/bin/env run-singularity\nno image\n");
    await chmod(damaged, 0o755);
    const { code, stderr, stdout } = await execute(damaged);
    expect({ code, stdout }).toEqual({ code: 255, stdout: "" });
    expect(stderr).toMatch(/^FATAL: .*damaged\.sif/);
  });
});
