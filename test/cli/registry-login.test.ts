import { readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, type TestContext } from "vitest";
import { guardWith, onPath, sendError } from "../support/registry-server.ts";
import { SIFON_MAIN } from "../support/sifon.ts";
import { runOnTerminal } from "../support/terminal.ts";
import { requireTool } from "../support/tools.ts";
import { createRegistry, createWorkplace, type Workplace } from "./workplace.ts";

// What shells, URLs, JSON and base64 stumble over; the user name is NGC's, and no shell's variable.
const USER = "$oauthtoken";
const PASSWORD = "n0t: t0 be$seen, 100% ü\"'";
const BASIC = Buffer.from(`${USER}:${PASSWORD}`).toString("base64");

type Test = Pick<TestContext, "onTestFinished">;

/** A registry that takes that user alone, by password or by the token that its service gives for it. */
async function guarded(test: Test, scheme: "basic" | "bearer") {
  const registry = await createRegistry(test);
  const isUser = (shown: string | undefined) => shown === `Basic ${BASIC}`;
  if (scheme === "basic") registry.faults.push(guardWith('Basic realm="r"', isUser));
  else {
    registry.faults.push(
      onPath("/token", ({ headers }, response) => {
        if (isUser(headers.authorization)) response.end('{"token":"given"}');
        else sendError(response, 401, "UNAUTHORIZED", `who is ${headers.authorization}?`);
      }),
    );
    const challenge = `Bearer realm="${registry.url}/token",service="s"`;
    registry.faults.push(guardWith(challenge, (shown) => shown === "Bearer given"));
  }
  return registry;
}

/** Runs with a text on standard input, and looks that no secret is in what it says. */
async function run(place: Workplace, args: readonly string[], options: { stdin?: string; env?: object } = {}) {
  const { child, ended } = place.start(["-d", ...args], { env: { ...options.env }, stdio: ["pipe", "pipe", "pipe"] });
  child.stdin?.end(options.stdin ?? "");
  const { code, stdout, stderr } = await ended;
  const said = `${stdout}${stderr}`;
  for (const secret of [PASSWORD, BASIC, "wrong-password", "t0 be$seen"]) expect(said).not.toContain(secret);
  return { code, said, stdout: `${stdout}`, stderr };
}

const login = (host: string, ...options: string[]) => [
  ...["registry", "login", "--no-https", "-u", USER],
  ...options,
  `docker://${host}`,
];
const credentials = (place: Workplace) => join(String(place.env.HOME), ".docker/config.json");

describe("sifon registry login", () => {
  it.each(["basic", "bearer"] as const)("stores what the registry took, and pull finds it (%s)", async (scheme) => {
    await withCleanUp(async (test) => {
      const place = await createWorkplace(test);
      const registry = await guarded(test, scheme);
      const { code, said } = await run(place, login(registry.host, "--password-stdin"), { stdin: `${PASSWORD}\n` });
      expect(code, said).toBe(0);
      expect(said).toContain(`INFO:    Token stored in ${credentials(place)}`);
      expect(await readFile(credentials(place), "utf8")).toBe(
        `{\n\t"auths": {\n\t\t"${registry.host}": {\n\t\t\t"auth": "${BASIC}"\n\t\t}\n\t}\n}\n`,
      );
      expect((await stat(credentials(place))).mode & 0o777).toBe(0o600);
      expect(await readdir(join(credentials(place), ".."))).toEqual(["config.json"]);
      const pulled = await run(place, ["pull", "--no-https", "x.sif", `docker://${registry.host}/some/image`]);
      expect(pulled.code, pulled.said).toBe(0);
    });
  });

  it.each(["basic", "bearer"] as const)("stores nothing that the registry refuses (%s)", async (scheme) => {
    await withCleanUp(async (test) => {
      const place = await createWorkplace(test);
      const registry = await guarded(test, scheme);
      const { code, said } = await run(place, login(registry.host, "-p", "wrong-password"));
      expect(code).toBe(255);
      expect(said).toMatch(new RegExp(`FATAL: +logging in to ${registry.host}: .*unauthorized`));
      expect(await readdir(String(place.env.HOME))).toEqual([]);
    });
  });

  it.each([
    ["a variable", { env: { SIFON_LOGIN_PASSWORD: PASSWORD } }, []],
    ["the option", {}, ["-p", PASSWORD]],
    ["the prompt", { stdin: `${PASSWORD}\n` }, []],
  ])("takes the password from %s", async (_, options, args) => {
    await withCleanUp(async (test) => {
      const place = await createWorkplace(test);
      const registry = await guarded(test, "basic");
      const { code, said } = await run(place, login(registry.host, ...args), options);
      expect(code, said).toBe(0);
    });
  });

  it("keeps what else is in the file, and the link that leads there", async (test) => {
    const place = await createWorkplace(test);
    const registry = await guarded(test, "basic");
    const real = join(place.out, "real.json");
    const link = join(place.out, "link.json");
    const other = { auth: Buffer.from("a:b").toString("base64") };
    await writeFile(
      real,
      JSON.stringify({ credHelpers: { "x.example": "none" }, auths: { "o.example": other }, n: [1] }),
    );
    await symlink(real, link);
    const { code, said } = await run(place, login(registry.host, "--authfile", link, "-p", PASSWORD));
    expect(code, said).toBe(0);
    expect(JSON.parse(await readFile(real, "utf8"))).toEqual({
      credHelpers: { "x.example": "none" },
      auths: { "o.example": other, [registry.host]: { auth: BASIC } },
      n: [1],
    });
    expect((await readdir(place.out)).sort()).toEqual(["link.json", "real.json"]);
  });

  it("leaves a file alone that it cannot read", async (test) => {
    const place = await createWorkplace(test);
    const registry = await guarded(test, "basic");
    const path = join(place.out, "broken.json");
    await writeFile(path, '{"auths": "t0 be$seen"');
    const { code, said } = await run(place, login(registry.host, "--authfile", path, "-p", PASSWORD));
    expect(code).toBe(255);
    expect(said).toContain(`Cannot read the credentials file "${path}": it is not JSON`);
    expect(await readFile(path, "utf8")).toBe('{"auths": "t0 be$seen"');
  });

  it("says when a registry asks for nothing, so that nothing is known of the password", async (test) => {
    const place = await createWorkplace(test);
    const registry = await createRegistry(test);
    const { code, said } = await run(place, login(registry.host, "-p", PASSWORD));
    expect(code, said).toBe(0);
    expect(said).toContain("asks for no credentials: they could not be checked");
  });

  it.each([
    [["registry", "login", "docker://x.example"], 255, "requires a username"],
    [["registry", "login", "-u", "me", "docker://x.example"], 255, "could not read user's input: EOF"],
    [["registry", "login", "-u", "me", "--password-stdin", "docker://x.example"], 255, "requires a password"],
    [["registry", "login", "-u", "me", "-p", "x", "docker://UPPER/CASE"], 255, "it is not a registry"],
    [
      ["registry", "login", "-u", "me", "-p", "x", "--cacert", "none.pem", "x.example"],
      255,
      '"none.pem": no such file or directory',
    ],
    [["registry", "login", "-p", "x", "--password-stdin", "-u", "me", "x.example"], 1, "exclude each other"],
    [["registry", "login"], 1, "accepts 1 arg(s), received 0"],
    [["registry", "frob"], 1, 'unknown command "frob" for "sifon registry"'],
    [["registry", "login", "--frob"], 1, "unknown flag: --frob"],
    [["registry", "logout", "docker://x.example"], 255, 'There is no existing login to registry "x.example".'],
  ])("%j is refused", async (args, code, message) => {
    await withCleanUp(async (test) => {
      const seen = await run(await createWorkplace(test), args);
      expect(seen.said).toContain(message);
      expect(seen.code).toBe(code);
    });
  });
});

describe("sifon registry list and logout", () => {
  it("tell what is stored, whoever stored it, and forget it", async (test) => {
    const place = await createWorkplace(test);
    const path = join(place.out, "auth.json");
    const auth = Buffer.from(`me:${PASSWORD}`).toString("base64");
    await writeFile(
      path,
      JSON.stringify({ auths: { "https://index.docker.io/v1/": { auth }, "t.example": { identitytoken: PASSWORD } } }),
    );
    const env = { SIFON_AUTH_FILE: path };
    expect((await run(place, ["registry", "list"], { env })).stdout.split("\n")).toEqual([
      "URI                 USER     STORED IN",
      `docker://docker.io  me       ${path}`,
      `docker://t.example  (token)  ${path}`,
      "",
    ]);
    const out = await run(place, ["registry", "logout", "docker://docker.io"], { env });
    expect(out.said).toContain(`INFO:    Token removed from ${path}\n`);
    expect(out.said).toContain("INFO:    Logout succeeded\n");
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ auths: { "t.example": { identitytoken: PASSWORD } } });
  });

  it("speak to a credential helper that the file names", async (test) => {
    const place = await createWorkplace(test);
    const registry = await guarded(test, "basic");
    const bin = join(place.out, "docker-credential-shelf");
    const shelf = join(place.out, "shelf.json");
    // The helpers' protocol: get answers with what store was given; erase forgets it.
    const script = `#!/bin/sh
case $1 in
  store) cat > ${shelf} ;;
  get) cat > /dev/null; cat ${shelf} 2> /dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) rm ${shelf} ;;
esac
`;
    await writeFile(bin, script, { mode: 0o755 });
    const path = join(place.out, "auth.json");
    const text = JSON.stringify({ credHelpers: { [registry.host]: "shelf" } });
    await writeFile(path, text);
    const env = { SIFON_AUTH_FILE: path, PATH: `${place.out}:${process.env.PATH}` };
    const stored = await run(place, login(registry.host, "-p", PASSWORD), { env });
    expect(stored.said).toContain("Token stored in the helper docker-credential-shelf");
    expect(JSON.parse(await readFile(shelf, "utf8"))).toEqual({
      ServerURL: registry.host,
      Username: USER,
      Secret: PASSWORD,
    });
    expect(await readFile(path, "utf8")).toBe(text);
    expect((await run(place, ["registry", "list"], { env })).stdout).toContain(`docker://${registry.host}  ${USER}`);
    expect((await run(place, ["registry", "logout", registry.host], { env })).code).toBe(0);
    expect(await readdir(place.out)).not.toContain("shelf.json");
  });
});

describe("--docker-login", () => {
  it.each([
    ["asks for both", [], `${USER}\n${PASSWORD}\n`, "Enter Docker Username: Enter Docker Password: "],
    ["asks for the password of a given user", ["--docker-username", USER], `${PASSWORD}\n`, "Enter Docker Password: "],
  ])("%s", async (_, options, stdin, question) => {
    await withCleanUp(async (test) => {
      const place = await createWorkplace(test);
      const registry = await guarded(test, "basic");
      const args = [
        "pull",
        "--no-https",
        "--docker-login",
        ...options,
        "x.sif",
        `docker://${registry.host}/some/image`,
      ];
      const { code, said } = await run(place, args, { stdin });
      expect(code, said).toBe(0);
      expect(said).toContain(question);
    });
  });

  it("refused is told as such", async (test) => {
    const place = await createWorkplace(test);
    const registry = await guarded(test, "basic");
    const args = ["pull", "--no-https", "--docker-login", "x.sif", `docker://${registry.host}/some/image`];
    const { code, said } = await run(place, args, { stdin: "me\r\nwrong-password\r\n" });
    expect(code).toBe(255);
    expect(said).toContain("was shown the credentials from --docker-login");
  });

  it.skipIf(requireTool("script", "bsdutils") === undefined)("does not show a typed password", async (test) => {
    const place = await createWorkplace(test);
    const registry = await guarded(test, "basic");
    const image = `docker://${registry.host}/some/image`;
    const command = [process.execPath, SIFON_MAIN, "pull", "--no-https", "--docker-login", "x.sif", image];
    // A slip of the finger is erased.
    const answers = { "Username: ": `${USER}\n`, "Password: ": `x\u007f${PASSWORD}\r` };
    const { code, seen } = await runOnTerminal(command, answers, { cwd: place.out, env: place.env });
    expect(code, seen).toBe(0);
    expect(seen).toContain(USER);
    expect(seen).not.toContain(PASSWORD);
    expect(seen).not.toContain(PASSWORD.slice(0, 4));
  });
});

it("a password among the arguments does not stay in the list of processes", async (test) => {
  const place = await createWorkplace(test);
  const registry = await createRegistry(test);
  registry.faults.push(() => true);
  const { child, ended } = place.start(login(registry.host, "-p", PASSWORD));
  while (registry.requests.length === 0) await sleep(10);
  const line = await readFile(`/proc/${child.pid}/cmdline`, "utf8");
  expect(line).toContain("sifon");
  expect(line).not.toContain("t0 be$seen");
  child.kill();
  await ended;
});

/** Runs a row of a table with what a test hands out: tables' functions get rows alone. */
async function withCleanUp(body: (test: Test) => Promise<void>): Promise<void> {
  const ends: (() => unknown)[] = [];
  try {
    await body({ onTestFinished: (end: () => unknown) => void ends.push(end) } as Test);
  } finally {
    for (const end of ends) await end();
  }
}
