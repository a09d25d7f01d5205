import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../../src/cli/run.ts";

const SECRET = "hush-hush";

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-settings-"));
  await mkdir(join(folder, ".config/sifon"), { recursive: true });
  file = join(folder, ".config/sifon/config.toml");
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs `sifon`, in this process; gives what it says. */
async function sifon(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const code = await run(args, {
    environment: { HOME: folder, ...env },
    stdin: process.stdin,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
    signal: new AbortController().signal,
  });
  const out = String(stdout.read() ?? "");
  const said = String(stderr.read() ?? "");
  expect(out + said).not.toContain(SECRET);
  return { code, out, said };
}

/** The line of `sifon config` about an option. */
async function lineOf(name: string, env: Readonly<Record<string, string>> = {}, args: readonly string[] = []) {
  const { out } = await sifon([...args, "config"], env);
  return out.split("\n").filter((line) => new RegExp(`^(?:# )?${name} `).test(line));
}

describe("sifon config", () => {
  it("tells that the file is not there, and that nothing is set", async () => {
    const { code, out } = await sifon(["config"]);
    expect(code).toBe(0);
    expect(out).toContain(`# ${file} (not there)\n`);
    expect(out.split("\n").filter((line) => /^[a-z]/.test(line))).toEqual([]);
  });

  it("says where each value comes from, variables before the file", async () => {
    await writeFile(file, 'no-https = true\nworkers = 3\ncompression = "lz4"\nauthfile = "~/auth.json"\n');
    expect(await lineOf("no-https")).toEqual([`no-https = true # from ${file}`]);
    expect(await lineOf("workers")).toEqual([`workers = "3" # from ${file}`]);
    expect(await lineOf("authfile")).toEqual([`authfile = "${folder}/auth.json" # from ${file}`]);
    const env = { SIFON_NO_HTTPS: "0", SINGULARITY_COMPRESSION: "none" };
    expect(await lineOf("no-https", env)).toEqual(["no-https = false # from SIFON_NO_HTTPS"]);
    expect(await lineOf("compression", env)).toEqual(['compression = "none" # from SINGULARITY_COMPRESSION']);
  });

  it("tells apart what holds for one command only", async () => {
    expect(await lineOf("arch", { APPTAINER_PULL_ARCH: "arm64" })).toEqual([
      'arch = "arm64" # from APPTAINER_PULL_ARCH (pull only)',
      "# arch is not set (build only)",
    ]);
  });

  it("shows no secret", async () => {
    const { out } = await sifon(["config"], {
      DOCKER_PASSWORD: SECRET,
      https_proxy: `http://me:${SECRET}@proxy.example:3128`,
      HTTP_PROXY: `me:${SECRET}@proxy.example`,
    });
    expect(out).toContain("# docker-password is set, from DOCKER_PASSWORD\n");
    expect(out).toContain("# https_proxy=http://[secret]@proxy.example:3128\n");
  });
});

describe("the configuration file", () => {
  it("is the one that -c names, else SIFON_CONFIG_FILE, else the user's", async () => {
    const [named, other] = [join(folder, "named.toml"), join(folder, "other.toml")];
    await writeFile(file, "workers = 1");
    await writeFile(other, "workers = 2");
    await writeFile(named, "workers = 3");
    const env = { SIFON_CONFIG_FILE: other };
    expect(await lineOf("workers")).toEqual([`workers = "1" # from ${file}`]);
    expect(await lineOf("workers", env)).toEqual([`workers = "2" # from ${other}`]);
    expect(await lineOf("workers", env, ["-c", named])).toEqual([`workers = "3" # from ${named}`]);
    const xdg = { XDG_CONFIG_HOME: join(folder, "xdg") };
    expect((await sifon(["config"], xdg)).out).toContain(`# ${folder}/xdg/sifon/config.toml (not there)`);
  });

  it("gives way to flags, and is told of when its value is wrong", async () => {
    await writeFile(file, 'compression = "zip"');
    const uri = `oci:${join(folder, "none")}`;
    expect((await sifon(["build", "x.sif", uri])).said).toContain('invalid value "zip" of --compression');
    expect((await sifon(["build", "--compression", "lz4", "x.sif", uri])).said).toContain("Check the path");
  });

  it.each([
    ["an unknown option", "no-such = 1", 'there is no option "no-such"'],
    ["a text for a switch", 'no-https = "yes"', '"no-https" is neither true nor false'],
    ["a switch for a text", "compression = true", '"compression" is not a text'],
    ["a list", "workers = [1]", '"workers" is not a text'],
    ["a password", `docker-password = "${SECRET}"`, '"docker-password" does not belong there'],
    ["a password in broken TOML", `docker-password = ${SECRET}"`, "line 1 is not TOML"],
  ])("is refused with %s", async (_, text, problem) => {
    await writeFile(file, text);
    const { code, said } = await sifon(["config"]);
    expect(said).toBe(`FATAL:   Cannot use the configuration file "${file}": ${problem}${said.split(problem)[1]}`);
    expect(code).toBe(255);
  });

  it("that is named has to be there", async () => {
    const { code, said } = await sifon(["-c", "none.toml", "config"]);
    expect(said).toContain('Cannot read the configuration file "none.toml": no such file or directory');
    expect(code).toBe(255);
  });
});
