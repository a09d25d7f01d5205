import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Credential } from "../../src/auth/credential.ts";
import { type FindCredentialOptions, findCredential } from "../../src/auth/find-credential.ts";

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "sifon-home-"));
});
afterEach(() => rm(home, { recursive: true }));

const auth = (username: string, password: string) => ({
  auth: Buffer.from(`${username}:${password}`).toString("base64"),
});

async function write(path: string, document: unknown): Promise<string> {
  const file = join(home, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, typeof document === "string" ? document : JSON.stringify(document));
  return file;
}

function find(options: Partial<FindCredentialOptions> = {}, env: Record<string, string> = {}): Promise<Credential> {
  return findCredential({
    registry: "q.io:5000",
    repository: "team/app",
    signal: new AbortController().signal,
    ...options,
    env: { HOME: home, PATH: join(home, "bin"), ...env },
  });
}

/** `user/password`, a token, or why there is none. */
function show(credential: Credential): string {
  if (credential.kind === "anonymous") return "anonymous";
  if (credential.kind === "basic") return `${credential.username}/${credential.password.reveal()}`;
  return `${credential.kind} ${credential.token.reveal()}`;
}

describe("findCredential() order", () => {
  it("goes from given ones down to none", async () => {
    expect(show(await find())).toBe("anonymous");
    await write(".docker/config.json", { auths: { "q.io:5000": auth("docker", "1") } });
    expect(show(await find())).toBe("docker/1");
    await write(".apptainer/docker-config.json", { auths: { "q.io:5000": auth("apptainer", "2") } });
    expect(show(await find())).toBe("apptainer/2");
    const authFile = await write("named.json", { auths: { "q.io:5000": auth("named", "3") } });
    expect(show(await find({ authFile }))).toBe("named/3");
    expect(show(await find({}, { APPTAINER_AUTH_FILE: authFile }))).toBe("named/3");
    expect(show(await find({}, { SINGULARITY_AUTHFILE: authFile }))).toBe("named/3");
    expect(show(await find({ authFile }, { DOCKER_USERNAME: "plain", DOCKER_PASSWORD: "4" }))).toBe("plain/4");
    expect(show(await find({ authFile, username: "given", password: "5" }, { DOCKER_USERNAME: "x" }))).toBe("given/5");
  });

  it.each([
    [{ DOCKER_USERNAME: "a" }, "a/"],
    [{ DOCKER_PASSWORD: "b" }, "/b"],
    [{ SINGULARITY_DOCKER_USERNAME: "s", DOCKER_USERNAME: "d" }, "s/"],
    [{ APPTAINER_DOCKER_USERNAME: "a", SINGULARITY_DOCKER_USERNAME: "s" }, "a/"],
    [{ SIFON_DOCKER_USERNAME: "f", APPTAINER_DOCKER_USERNAME: "a" }, "f/"],
    [{ SIFON_DOCKER_USERNAME: " ", DOCKER_USERNAME: "" }, "anonymous"],
    [{ APPTAINER_DOCKER_USERNAME: "$oauthtoken", SINGULARITY_DOCKER_PASSWORD: "k" }, "$oauthtoken/k"],
  ])("variables %j → %s", async (env, expected) => {
    expect(show(await find({}, env as Record<string, string>))).toBe(expected);
  });

  it("stops at the first file that exists, also when it knows nothing of the registry", async () => {
    await write(".apptainer/docker-config.json", {});
    await write(".docker/config.json", { auths: { "q.io:5000": auth("docker", "1") } });
    expect(await find()).toMatchObject({
      kind: "anonymous",
      origin: expect.stringMatching(/\.apptainer.*has nothing for q.io:5000/),
    });
  });

  it("looks into the configuration folder alone when one is named", async () => {
    await write(".docker/config.json", { auths: { "q.io:5000": auth("docker", "1") } });
    await write("conf/config.json", { auths: { "q.io:5000": auth("conf", "2") } });
    expect(show(await find({}, { APPTAINER_CONFIGDIR: join(home, "conf") }))).toBe("conf/2");
  });

  it("tells of a named file that is not there, and tries without", async () => {
    expect(await find({ authFile: join(home, "none") })).toEqual({
      kind: "anonymous",
      origin: `the file ${JSON.stringify(join(home, "none"))} does not exist`,
    });
  });

  it("names where a credential comes from, and nothing of it", async () => {
    const credential = await find({}, { APPTAINER_DOCKER_USERNAME: "u", DOCKER_PASSWORD: "TOPSECRET" });
    expect(credential.origin).toBe("APPTAINER_DOCKER_USERNAME and DOCKER_PASSWORD");
    // What a command line took from a variable and gives on is still the variable's.
    const given = { username: "u", password: "typed" };
    expect((await find(given, { APPTAINER_DOCKER_USERNAME: "u" })).origin).toBe(
      "APPTAINER_DOCKER_USERNAME and the given password",
    );
    for (const text of [inspect(credential, { depth: 9, showHidden: true }), JSON.stringify(credential)]) {
      expect(text).not.toContain("TOPSECRET");
      expect(text).toContain("[secret]");
    }
  });
});

describe("findCredential() in a file", () => {
  it.each([
    ["q.io:5000", "q.io:5000", "u/p"],
    ["https://q.io:5000", "q.io:5000", "u/p"],
    ["https://q.io:5000/v2/", "q.io:5000", "u/p"],
    ["q.io:5000/team/app", "q.io:5000", "u/p"],
    ["q.io:5000/team", "q.io:5000", "u/p"],
    ["q.io:5000/tea", "q.io:5000", "anonymous"],
    ["q.io", "q.io:5000", "anonymous"],
    ["https://index.docker.io/v1/", "index.docker.io", "u/p"],
    ["docker.io", "index.docker.io", "u/p"],
  ])("key %s for %s → %s", async (key, registry, expected) => {
    await write(".docker/config.json", { auths: { [key]: auth("u", "p") } });
    expect(show(await find({ registry }))).toBe(expected);
  });

  it("prefers the repository's own entry", async () => {
    await write(".docker/config.json", {
      auths: { "q.io:5000": auth("host", "1"), "q.io:5000/team/app": auth("repo", "2") },
    });
    expect(show(await find())).toBe("repo/2");
  });

  it.each([
    [auth("u", "p:with:colons"), "u/p:with:colons"],
    [auth("u", "padded\0\0"), "u/padded"],
    [{ username: "u", password: "p" }, "u/p"],
    [{ ...auth("u", "p"), identitytoken: "i" }, "identity-token i"],
    [{ ...auth("u", "p"), registrytoken: "r", identitytoken: "i" }, "registry-token r"],
    [{ ...auth("u", "p"), identitytoken: "" }, "u/p"],
    [{}, "anonymous"],
    [{ email: "x" }, "anonymous"],
  ])("entry %j → %s", async (entry, expected) => {
    await write(".docker/config.json", { auths: { "q.io:5000": entry } });
    expect(show(await find())).toBe(expected);
  });

  it.each([
    ["{ nonsense TOPSECRET", "it is not JSON"],
    ["[]", "it is not an object"],
    [{ auths: [] }, "auths is not an object"],
    [{ auths: { h: "x" } }, 'auths["h"] is not an object'],
    [{ auths: { h: { auth: 5 } } }, "is not a string"],
    [{ auths: { h: { auth: "!" } } }, "is not the base64"],
    [{ auths: { h: { auth: Buffer.from("TOPSECRET").toString("base64") } } }, "is not the base64"],
  ])("%j is an error", async (document, problem) => {
    await write(".docker/config.json", document);
    const error = await find().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "AUTH_FILE_INVALID", message: expect.stringContaining(problem) });
    expect(inspect(error, { depth: 9 })).not.toContain("TOPSECRET");
  });

  it("an empty file is like {}", async () => {
    await write(".docker/config.json", "");
    expect(show(await find())).toBe("anonymous");
  });
});

describe("findCredential() with a helper", () => {
  /** A helper as the protocol has it: verb as argument, server on stdin. */
  async function helper(name: string, script: string): Promise<void> {
    const file = await write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`);
    await chmod(file, 0o755);
  }
  const env = { PATH: "" };
  beforeEach(() => {
    env.PATH = `${join(home, "bin")}:/usr/bin:/bin`;
  });

  it("asks it for the server", async () => {
    await helper(
      "one",
      `[ "$1" = get ] || exit 9; read s; printf '{"ServerURL":"%s","Username":"h","Secret":"%s"}' "$s" "$s"`,
    );
    await write(".docker/config.json", { credHelpers: { "q.io:5000": "one" } });
    expect(show(await find({}, env))).toBe("h/q.io:5000");
    expect(show(await find({ registry: "other.io" }, env))).toBe("anonymous");
    await write(".docker/config.json", { credsStore: "one" });
    expect(show(await find({ registry: "index.docker.io" }, env))).toBe("h/https://index.docker.io/v1/");
  });

  it("takes the name <token> for an identity token", async () => {
    await helper("one", `printf '{"Username":"<token>","Secret":"t"}'`);
    await write(".docker/config.json", { credsStore: "one" });
    expect(show(await find({}, env))).toBe("identity-token t");
  });

  it("goes on to the file's own entries when it knows nothing", async () => {
    await helper("one", "echo 'credentials not found in native keychain'; exit 1");
    await write(".docker/config.json", { credsStore: "one", auths: { "q.io:5000": auth("u", "p") } });
    expect(show(await find({}, env))).toBe("u/p");
  });

  it.each([
    ["absent", undefined, "it is not installed"],
    ["failing", "echo TOPSECRET; exit 3", "it left with status 3"],
    ["talking nonsense", "echo TOPSECRET", "did not answer with JSON"],
    ["answering null", "echo null", "did not answer with JSON"],
    ["not reading its input", "exec 0<&-; exit 4", "it left with status 4"],
  ])("%s is a warning, and the registry is tried without", async (_, script, problem) => {
    if (script !== undefined) await helper("one", script);
    await write(".docker/config.json", { credsStore: "one" });
    const warnings: string[] = [];
    const credential = await find({ onWarning: (message) => warnings.push(message) }, env);
    expect(credential).toMatchObject({
      kind: "anonymous",
      origin: expect.stringContaining("helper docker-credential-one failed"),
    });
    expect(warnings).toEqual([expect.stringContaining(problem)]);
    expect(warnings[0]).not.toContain("TOPSECRET");
  });

  it("with a path for a name is not started", async () => {
    await write(".docker/config.json", { credsStore: "../../bin/sh" });
    const warnings: string[] = [];
    await find({ onWarning: (message) => warnings.push(message) }, env);
    expect(warnings).toEqual([expect.stringContaining("characters other than")]);
  });

  it("is ended by an abort", async () => {
    await helper("one", "sleep 60");
    await write(".docker/config.json", { credsStore: "one" });
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("enough")), 100);
    await expect(find({ signal: controller.signal }, env)).rejects.toThrow("enough");
  });
});
