import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusedVariables } from "../../src/cli/refused-variables.ts";
import { sifon } from "../support/sifon.ts";

describe("refusedVariables()", () => {
  const names = (command: string, environment: NodeJS.ProcessEnv) =>
    refusedVariables(command, environment).map(({ name }) => name);

  it.each([
    ["run", { APPTAINER_MEMORY: "1G" }, ["APPTAINER_MEMORY"]],
    ["exec", { SINGULARITY_CPUS: "2" }, ["SINGULARITY_CPUS"]],
    ["shell", { SIFON_PIDS_LIMIT: "10" }, ["SIFON_PIDS_LIMIT"]],
    // The most that pull and build may use is no limit of a container.
    ["run", { SIFON_MEMORY: "1G" }, []],
    ["test", { APPTAINER_ROCM: "1", SINGULARITY_NVCCLI: "T" }, ["APPTAINER_ROCM", "SINGULARITY_NVCCLI"]],
    ["run", { APPTAINER_ROCM: "0", APPTAINER_SHARENS: "false", APPTAINER_KEEP_PRIVS: "" }, []],
    ["run", { APPTAINER_ROCM: "perhaps" }, ["APPTAINER_ROCM"]],
    ["run", { APPTAINER_PIDS_LIMIT: "0", APPTAINER_CPU_SHARES: "-1", APPTAINER_MEMORY_SWAP: " -1 " }, []],
    ["run", { APPTAINER_CPUSET_CPUS: "0" }, ["APPTAINER_CPUSET_CPUS"]],
    ["run", { APPTAINER_FUSESPEC: "container:x /y" }, ["APPTAINER_FUSESPEC"]],
    ["run", { APPTAINER_FUSEMOUNT: "container:x /y", APPTAINER_PEM_PATH: "/x" }, []],
    ["run", { APPTAINER_ENCRYPTION_PEM_PATH: "/x", APPTAINER_MEMORY: "  " }, []],
    ["run", { APPTAINER_BIND: "/x", APPTAINER_NV: "1", APPTAINERENV_MEMORY: "1" }, []],
    ["run", { APPTAINER_CPUS: "1", SINGULARITY_CPUS: "2" }, ["APPTAINER_CPUS"]],
    ["pull", { APPTAINER_SANDBOX: "1", APPTAINER_LIBRARY: "https://x" }, ["APPTAINER_SANDBOX"]],
    ["pull", { APPTAINER_SANDBOX: "no way", APPTAINER_MEMORY: "1G" }, ["APPTAINER_SANDBOX"]],
    ["build", { APPTAINER_BINDPATH: "/x", APPTAINER_NV: "0" }, ["APPTAINER_BINDPATH"]],
    ["sign", { APPTAINER_MEMORY: "1G" }, []],
  ])("of %s with %j are %j", (command, environment, expected) => {
    expect(names(command, environment).sort()).toEqual(expected);
  });
});

describe("variables of refused options", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-variables-"));
    await writeFile(join(folder, "empty.def"), "Bootstrap: scratch\n");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    [
      ["run", "x.sif"],
      { APPTAINER_MEMORY: "1G" },
      /^FATAL: {3}APPTAINER_MEMORY is set, the variable of run --memory: Sifon sets no limits\. .* \(or unset APPTAINER_MEMORY\)\n$/,
    ],
    [
      ["exec", "docker://127.0.0.1:1/x", "true"],
      { SINGULARITY_ADD_CAPS: "all" },
      /^FATAL: {3}SINGULARITY_ADD_CAPS is set, the variable of exec --add-caps: [^\n]*\n$/,
    ],
    [["pull", "docker://127.0.0.1:1/x"], { APPTAINER_SANDBOX: "1" }, /^FATAL: {3}APPTAINER_SANDBOX is set[^\n]*\n$/],
    [
      ["run", "x.sif"],
      { APPTAINER_NETWORK: "bridge" },
      /^FATAL: {3}APPTAINER_NETWORK=bridge: only "none" is there[^\n]*\n$/,
    ],
  ])("%j with %j ends before anything is done", async (words, env, said) => {
    const { code, stderr } = await sifon(words, { cwd: folder, env });
    expect(stderr).toMatch(said);
    expect(code).toBe(255);
  });

  it("of a build are told of, and the build goes on", async () => {
    const env = { APPTAINER_BIND: "/etc", APPTAINER_MKSQUASHFS_ARGS: "-comp xz", SOURCE_DATE_EPOCH: "0" };
    const { code, stderr } = await sifon(["build", "x.sif", "empty.def"], { cwd: folder, env });
    expect(stderr).toMatch(/^WARNING: APPTAINER_BIND is set, the variable of build --bind: /m);
    expect(stderr).toMatch(/^WARNING: APPTAINER_MKSQUASHFS_ARGS is set, the variable of build --mksquashfs-args: /m);
    expect(code, stderr).toBe(0);
  });
});
