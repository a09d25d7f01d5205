import { constants } from "node:fs";
import { mkdir, open, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ED25519_PEM, ED25519_PUBLIC } from "../sign/signed-file.ts";
import { mustRun, runCommand } from "../support/command.ts";
import { SIFON_MAIN, startSifon } from "../support/sifon.ts";
import { createSigningPlace, newKey } from "./signing.ts";

const HELLO_IMAGE = fileURLToPath(new URL("../../fixtures/hello/image", import.meta.url));
const DEFINITION = "Bootstrap: localimage\nFrom: none.sif\n";
const PUBLIC_PEM = ED25519_PUBLIC.export({ format: "pem", type: "spki" }) as string;

/** Where a text, a key or a content is read, with the variables that name it there. */
const READERS: readonly (readonly [words: string, env?: Readonly<Record<string, string>>])[] = [
  ["build --check ff"],
  ["build out.sif ff"],
  ["build --check --build-arg-file ff x.def"],
  ["build --check -"],
  ["key import ff"],
  ["key list", { SIFON_KEYSDIR: "keys" }],
  ["sign --key ff x.sif"],
  ["sign x.sif", { SIFON_KEYSDIR: "keys" }],
  ["verify --key ff x.sif"],
  ["verify --certificate ff x.sif"],
  ["verify x.sif", { SIFON_KEYSDIR: "keys" }],
  ["sif add --datatype 6 x.sif ff"],
  ["exec --env-file ff x.sif true"],
  ["inspect --authfile ff docker://localhost:1/x"],
  ["inspect --cacert ff docker://localhost:1/x"],
  ["inspect docker://localhost:1/x", { CONTAINERS_REGISTRIES_CONF: "ff" }],
  ["inspect docker-archive:ff"],
  ["inspect docker-archive:-"],
  ["registry list --authfile ff"],
  ["registry login -u me --password-stdin localhost:1"],
  ["-c ff config"],
  ["ls x.sif", { SIFON_CONFIG_FILE: "ff" }],
];

/** Resolves once a process waits for bytes of the file that a name ends with: an epoll descriptor has it. */
async function waitsFor(pid: number, name: RegExp): Promise<void> {
  for (;;) {
    const waited = await Promise.all((await list(`/proc/${pid}/fdinfo`)).map((fd) => targets(pid, fd)));
    if (waited.flat().some((path) => name.test(path))) return;
    await setTimeout(20);
  }
}

async function targets(pid: number, fd: string): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/fdinfo/${fd}`, "latin1").catch(() => "");
  const found = [...text.matchAll(/^tfd: +(\d+)/gm)].map(([, target]) => target as string);
  return Promise.all(found.map((target) => readlink(`/proc/${pid}/fd/${target}`).catch(() => "")));
}

function list(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

describe.concurrent("a pipe that nobody writes to", () => {
  it.for(READERS.map(([words, env = {}], i) => ({ words, env, signal: i % 2 === 0 ? "SIGTERM" : "SIGINT" }) as const))(
    "sifon $words is ended by $signal",
    async ({ words, env, signal }, context) => {
      const { folder, home } = await createSigningPlace(context);
      await writeFile(join(folder, "x.def"), DEFINITION);
      await mkdir(join(folder, "keys"));
      const names = ["ff", "stdin", "keys/pgp-public", "keys/pgp-secret"];
      await mustRun("mkfifo", names, { cwd: folder });
      // Both ends are ours: it stays open and silent.
      const stdin = await open(join(folder, "stdin"), constants.O_RDWR);
      const run = startSifon(words.split(" "), {
        cwd: folder,
        env: { HOME: home, ...env },
        stdio: [stdin.fd, "pipe", "pipe"],
      });
      context.onTestFinished(async () => {
        run.child.kill("SIGKILL");
        await stdin.close();
      });
      await Promise.race([waitsFor(run.child.pid as number, /(?:ff|stdin|keys\/pgp-(?:public|secret))$/), run.ended]);
      run.child.kill(signal);
      const { code, stderr } = await run.ended;
      expect(stderr).toContain(`Interrupted by ${signal}`);
      expect(code).toBe(signal === "SIGTERM" ? 143 : 130);
    },
  );
});

/** What a shell makes of these lines; `late FILE` gives a file's bytes late and in two pieces. */
const SHELL = `
  sifon() { "$NODE" -- "$MAIN" "$@"; }
  late() { sleep 0.3; head -c 20 "$1"; sleep 0.3; tail -c +21 "$1"; }
`;

describe.concurrent("a pipe whose writer comes late and writes in pieces", () => {
  it.for([
    ["late x.def >ff & sifon build --check ff", /No problem found in ff/],
    ["sifon build --check <(late x.def)", /No problem found in \/dev\/fd\/\d+/],
    ["late x.def | sifon build --check /dev/stdin", /No problem found in \/dev\/stdin/],
    ["late x.def | sifon build --check -", /No problem found in the definition/],
    ["sifon build --check --build-arg-file <(echo; late args) arg.def", /No problem found in arg.def/],
    ["sifon sign --key <(late key.pem) x.sif && sifon verify --key <(late key.pub) x.sif", /Verified signature/],
    ["sifon sif add --datatype 6 x.sif <(late key.pub) && tail -c 113 x.sif | cmp - key.pub && echo same", /^same$/m],
    ["sifon exec --env-file <(late env) x.sif true", /^told by the file$/m],
    ["sifon -c <(late config.toml) config", /^workers = "7"/m],
    ["sifon registry list --authfile <(late auth.json)", /known\.example/],
    ["sifon inspect oci-archive:<(late image.tar)", /amd64.*Spooling the pipe/s],
  ] as const)("%s", async ([line, expected], context) => {
    const { folder, home } = await createSigningPlace(context);
    const files = {
      "x.def": DEFINITION,
      "arg.def": DEFINITION.replace("none", "{{ A_LONG_NAME_OF_AN_ARGUMENT }}"),
      args: "A_LONG_NAME_OF_AN_ARGUMENT=some\n",
      "key.pem": ED25519_PEM,
      "key.pub": PUBLIC_PEM,
      env: "echo told by the file\nVARIABLE=1\n",
      "config.toml": "# The workers of all runs:\nworkers = 7\n",
      "auth.json": JSON.stringify({
        auths: { "known.example": { auth: Buffer.from("me:secret").toString("base64") } },
      }),
    };
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
    await mustRun("tar", ["-C", HELLO_IMAGE, "-cf", "image.tar", "."], { cwd: folder });
    await mustRun("mkfifo", ["ff"], { cwd: folder });
    const env = { HOME: home, NODE: process.execPath, MAIN: SIFON_MAIN };
    const { stdout, stderr } = await runCommand("timeout", ["120", "bash", "-c", SHELL + line], { cwd: folder, env });
    expect(stdout + stderr).toMatch(expected);
  });
});

it.concurrent("keys are imported from a pipe", async (context) => {
  const place = await createSigningPlace(context);
  await newKey(place, "Ada");
  await mustRun("mkdir", ["other"], { cwd: place.folder });
  const exported = `"$NODE" -- "$MAIN" key export --armor key.asc && ${SHELL}
    sifon key import --keysdir other <(late key.asc)`;
  const env = { HOME: place.home, NODE: process.execPath, MAIN: SIFON_MAIN };
  const { stdout } = await mustRun("timeout", ["120", "bash", "-c", exported], { cwd: place.folder, env });
  expect(stdout).toMatch(/successfully added to the public keyring/);
});

describe.concurrent("a device in a text's place", () => {
  it.for([
    ["key import /dev/zero", /it has more than \d+ bytes/],
    ["sign --key /dev/zero x.sif", /it has more than \d+ bytes/],
    ["verify --key /dev/zero x.sif", /it has more than \d+ bytes/],
    ["verify --certificate /dev/zero x.sif", /it has more than \d+ bytes/],
    ["exec --env-file /dev/zero x.sif true", /it has more than \d+ bytes/],
    ["build --check --build-arg-file /dev/zero x.def", /it has more than \d+ bytes/],
    ["build --check /dev/zero", /it has more than \d+ bytes/],
    ["registry list --authfile /dev/zero", /it is larger than \d+ bytes/],
    ["-c /dev/zero config", /it has more than \d+ bytes/],
    ["inspect --cacert /dev/zero docker://localhost:1/x", /it has more than \d+ bytes/],
    ["key import .", /is a directory/],
    ["verify --key . x.sif", /is a directory/],
  ] as const)("sifon %s is refused", async ([words, expected], context) => {
    const { folder, home, run } = await createSigningPlace(context);
    expect(home).not.toBe("");
    await writeFile(join(folder, "x.def"), DEFINITION);
    const { code, stderr } = await run(words.split(" "));
    expect(stderr).toMatch(expected);
    expect([1, 2, 255]).toContain(code);
  });
});
