import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findApptainer, runApptainer } from "../support/apptainer.ts";
import { busybox, busyboxLayer } from "../support/runnable-image.ts";
import { sifon } from "../support/sifon.ts";
import { makeSif } from "../support/small-sif.ts";

const apptainer = findApptainer();

describe.skipIf(apptainer === undefined || busybox === undefined)("--engine apptainer with a real one", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-hand-over-"));
    await mkdir(join(folder, "bin"));
    // Under the name by which it is looked for; a wrapper around it looks for that name once more.
    const script = `#!/bin/sh\nPATH='${process.env.PATH}' exec '${apptainer}' "$@"\n`;
    await writeFile(join(folder, "bin/apptainer"), script);
    await chmod(join(folder, "bin/apptainer"), 0o755);
    await writeFile(join(folder, "bound"), "bound\n");
    await makeSif(join(folder, "image.sif"), {
      layers: [await busyboxLayer()],
      config: { Env: ["PATH=/bin", "V=image"], Entrypoint: ["/bin/printf", "<%s>"], Cmd: ["of CMD"] },
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    [["run"], [], {}],
    [["run", "--no-eval"], ["a  b", "$HOME", "--help"], {}],
    [["exec", "-B", "bound:/mnt/x", "--env", "A=b c", "-e"], ["sh", "-c", "cat /mnt/x; echo $A $V; exit 9"], {}],
    [["exec", "--pwd", "/bin", "--no-home"], ["pwd"], { APPTAINER_BIND: "bound:/mnt/y", APPTAINERENV_V: "given" }],
    [["exec"], ["nonexistent"], {}],
    [["exec"], ["sh", "-c", "kill -9 $$"], {}],
  ])("%j IMAGE %j ends as Apptainer itself", async (before, after, env) => {
    const [action = "", ...options] = before;
    const words = [...options, "image.sif", ...after];
    const theirs = runApptainer(apptainer as string, [action, ...words], { cwd: folder, env });
    const path = `${join(folder, "bin")}:${process.env.PATH}`;
    const ours = await sifon([action, "--engine", "apptainer", ...words], { cwd: folder, env: { ...env, PATH: path } });
    expect(ours.stdout).toBe(theirs.stdout);
    // A signal that ended it is no exit code.
    expect(ours.code).toBe(theirs.status ?? 128 + constants.signals.SIGKILL);
    expect(ours.stderr).toBe(theirs.stderr);
  });
});
