import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeImage, writeLayout } from "../support/registry-image.ts";
import { sifon } from "../support/sifon.ts";

/** Tells its words and some of its environment, and ends as its image's name says. */
const STAND_IN = `#!/bin/sh
for word; do printf '<%s>\\n' "$word"; done
env | grep -E '^(SIFON|APPTAINER|SINGULARITY)' | sort
cat
for image; do case $image in *code-*) exit "\${image##*code-}" ;; *killed) kill -KILL $$ ;; esac; done
`;

describe("--engine apptainer", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-engine-"));
    await writeFile(join(folder, "apptainer"), STAND_IN);
    await chmod(join(folder, "apptainer"), 0o755);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const PATH = () => `${folder}:/usr/bin:/bin`;
  const run = (args: readonly string[], env: Record<string, string> = {}, stdin = "") =>
    sifon(args, { cwd: folder, stdin, env: { PATH: PATH(), HOME: folder, ...env } });

  it.each([
    [["run"], ["x.sif", "a  b", "", "--help", "$x"], {}, ["run", "x.sif", "a  b", "", "--help", "$x"]],
    [
      ["exec", "-B", "/a:/b,/c", "--bind", "/d", "-e", "--env", "A=b c,D=e", "-C", "--pwd", "/p"],
      ["x.sif", "true"],
      {},
      [
        "exec",
        "--bind=/a:/b,/c",
        "--bind=/d",
        "--cleanenv",
        "--containall",
        "--pwd=/p",
        "--env=A=b c,D=e",
        "x.sif",
        "true",
      ],
    ],
    [["shell", "-s", "/bin/zsh"], ["x.sif"], {}, ["shell", "--shell=/bin/zsh", "x.sif"]],
    [["exec", "-s", "/bin/zsh"], ["x.sif", "true"], {}, ["exec", "x.sif", "true"]],
    [
      ["test", "--network", "bridge", "--net", "--mount", "type=bind,src=/a,dst=/b", "-H", "/h:/g", "--no-home"],
      ["x.sif"],
      {},
      ["test", "--home=/h:/g", "--mount=type=bind,src=/a,dst=/b", "--net", "--network=bridge", "--no-home", "x.sif"],
    ],
    [
      ["run", "--bind", "/a"],
      ["x.sif"],
      {
        APPTAINER_BIND: "/of-variable",
        SIFON_CONTAIN: "1",
        SIFONENV_V: "v",
        APPTAINERENV_W: "w",
        SIFON_CACHEDIR: "/c",
      },
      ["run", "--bind=/a", "--bind=/of-variable", "--contain", "x.sif"],
    ],
  ])("hands %j IMAGE %j over", async (before, after, env, words) => {
    const { stdout, stderr, code } = await run([...before, "--engine", "apptainer", ...after], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.split("\n");
    expect(lines.filter((line) => line.startsWith("<"))).toEqual(words.map((word) => `<${word}>`));
    const variables = "SIFONENV_V" in env ? ["APPTAINERENV_V=v", "APPTAINERENV_W=w", "SIFON_CACHEDIR=/c"] : [];
    expect(lines.filter((line) => /^[A-Z]/.test(line))).toEqual(variables);
  });

  it.each([
    ["-q", "--quiet"],
    ["-s", "--silent"],
    ["-v", "--verbose"],
    ["-d", "--debug"],
  ])("hands %s over", async (flag, word) => {
    const { stdout } = await run([flag, "run", "--engine=apptainer", "x.sif"]);
    expect(stdout.split("\n").slice(0, 2)).toEqual([`<${word}>`, "<run>"]);
  });

  it.each([
    ["code-0", 0],
    ["code-42", 42],
    ["code-255", 255],
    ["killed", 137],
  ])("ends as it does: %s", async (image, code) => {
    expect((await run(["run", "--engine", "apptainer", image])).code).toBe(code);
  });

  it("gives it standard input, and a source's image as a file", async () => {
    const layout = join(folder, "layout");
    const { blobs, descriptor } = await makeImage({ diffIds: [] });
    await writeLayout(layout, blobs, [descriptor]);
    const env = { SIFON_CACHEDIR: join(folder, "cache") };
    const { stdout } = await run(["run", "--engine", "apptainer", `oci:${layout}`], env, "through");
    expect(stdout).toMatch(/^<run>\n<.*\/cache\/oci-tmp\/[0-9a-f]{64}>\nSIFON_CACHEDIR=.*\nthrough$/);
  });

  it("takes singularity where there is no apptainer, and says so where there is neither", async () => {
    const bare = await mkdtemp(join(tmpdir(), "sifon-engine-"));
    const env = { PATH: bare, HOME: folder };
    const words = ["run", "--engine", "apptainer", "code-9"];
    try {
      const none = await sifon(words, { cwd: folder, env });
      expect(none).toMatchObject({ code: 255, stdout: "" });
      expect(none.stderr).toMatch(
        /^FATAL: {3}--engine apptainer: neither apptainer nor singularity is installed .*leave the option out/,
      );
      await writeFile(join(bare, "singularity"), "#!/bin/sh\nexit 9\n");
      await chmod(join(bare, "singularity"), 0o755);
      expect(await sifon(words, { cwd: folder, env })).toMatchObject({ code: 9 });
    } finally {
      await rm(bare, { recursive: true, force: true });
    }
  });

  it("knows no other", async () => {
    const { code, stderr } = await run(["run", "--engine", "docker", "x.sif"]);
    expect({ code, stderr }).toEqual({
      code: 255,
      stderr: 'FATAL:   there is no engine "docker"; there are host and apptainer\n',
    });
  });
});
