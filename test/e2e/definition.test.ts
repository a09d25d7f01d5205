import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findApptainer, runApptainer } from "../support/apptainer.ts";
import { mustRun } from "../support/command.ts";
import { IMAGE_STORE, provideImage } from "../support/debian-image.ts";
import { type Docker, startDocker } from "../support/docker.ts";
import { LOLCOW } from "../support/lolcow.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { digestOf, makeImage, tagged, writeLayout } from "../support/registry-image.ts";
import { busyboxLayer, type ImageFile } from "../support/runnable-image.ts";
import { mustSifon, SIFON_MAIN, sifon } from "../support/sifon.ts";
import { requireRoot } from "../support/squashfs-mount.ts";
import { runOnTerminal } from "../support/terminal.ts";
import { requireTool } from "../support/tools.ts";

// The manual's examples of definitions on Docker and OCI images, each built by Sifon and run by Apptainer.

const NEEDED = [
  ["docker-registry"],
  ["skopeo"],
  ["openssl"],
  ["htpasswd", "apache2-utils"],
  ["script", "bsdutils"],
  ["busybox", "busybox-static"],
] as const;
const apptainer = findApptainer();
const ready = [apptainer, ...NEEDED.map(([name, debianPackage]) => requireTool(name, debianPackage))].every(Boolean);
const withDocker =
  [requireTool("dockerd", "docker.io"), requireTool("docker", "docker.io")].every(Boolean) && requireRoot();

/** The manual's lolcow in small: its ENTRYPOINT and its environment, with programs of a line each; and a CMD. */
const GAMES = {
  "usr/games/fortune": 'echo "$FORTUNE"',
  "usr/games/cowsay": 'read -r line; [ -n "$line" ] || line=$1; echo "< $line >"; printf "  (oo)\\n  (__)\\n"',
  "usr/games/lolcat": "cat",
};
const CONFIG = {
  Env: ["PATH=/usr/games:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "FORTUNE=Moo, all day"],
  Entrypoint: ["/bin/sh", "-c", "fortune | cowsay | lolcat"],
  Cmd: ["sh", "-c", "echo | cowsay 'I am the CMD'"],
};
const COW = "  (oo)\n  (__)\n";
const MOO = `< Moo, all day >\n${COW}`;
const NAME = "godlovedc/lolcow";

interface Example {
  /** After the header `Bootstrap`. */
  readonly text: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly prints: string;
}

describe.skipIf(!ready)("the manual's definitions", () => {
  let folder: string;
  let kept: Registry;
  let plain: Registry;
  let secure: Registry;
  let docker: Docker | undefined;
  const at = (name: string) => join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-definition-"));
    const games = Object.entries(GAMES).map(([path, line]): [string, ImageFile] => [
      path,
      { content: `#!/bin/sh\n${line}\n`, mode: 0o755 },
    ]);
    const layer = await busyboxLayer(Object.fromEntries(games));
    const image = await makeImage({ layers: [layer], diffIds: [digestOf(gunzipSync(layer))], config: CONFIG });
    await writeLayout(at("layout"), image.blobs, [tagged(image.descriptor, "latest")]);
    const started = await Promise.all([
      startRegistry({ store: IMAGE_STORE }),
      startRegistry(),
      startRegistry({ secure: true }),
    ]);
    [kept, plain, secure] = started;
    const copy = (...args: string[]) => mustRun("skopeo", ["copy", "--insecure-policy", ...args]);
    const layout = `oci:${at("layout")}:latest`;
    const login = ["--dest-creds", `${secure.user}:${secure.password}`];
    await copy("--dest-tls-verify=false", layout, `docker://${plain.host}/${NAME}`);
    await copy("--dest-tls-verify=false", ...login, layout, `docker://${secure.host}/${NAME}`);
    await copy(layout, `docker-archive:${at("lolcow.tar")}:${NAME}:latest`);
    await copy(layout, `oci-archive:${at("lolcow-oci.tar")}:latest`);
    // What the manual has from Docker Hub comes from here.
    await writeFile(
      at("registries.conf"),
      `[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "${plain.host}"\ninsecure = true\n`,
    );
    if (!withDocker) return;
    docker = await startDocker();
    await docker.docker("load", "-i", at("lolcow.tar"));
    await docker.docker("tag", `${NAME}:latest`, "sifon-e2e/lolcow:latest");
  });

  afterAll(async () => {
    await docker?.docker("rmi", "-f", `${NAME}:latest`, "sifon-e2e/lolcow:latest").catch(() => {});
    await Promise.all([kept?.stop(), plain?.stop(), secure?.stop(), docker?.stop()]);
    await rm(folder, { recursive: true, force: true });
  });

  const environment = () => ({ HOME: folder, CONTAINERS_REGISTRIES_CONF: at("registries.conf") });
  const write = (text: string) => writeFile(at("lolcow.def"), text);
  const run = (...args: string[]) =>
    runApptainer(apptainer as string, ["run", at("lolcow.sif"), ...args], { cwd: folder });
  const build = ["build", "--force", "lolcow.sif", "lolcow.def"];

  const overHttp = ["--no-https"];
  const byDaemon = () => ["--docker-host", docker?.host as string];
  const guarded = () => `Bootstrap: docker\nFrom: ${secure.host}/${NAME}\n`;
  const trusting = () => ["--cacert", secure.caFile as string];
  const examples: Readonly<Record<string, () => Example>> = {
    "from Docker Hub": () => ({ text: `Bootstrap: docker\nFrom: ${NAME}\n`, prints: MOO }),
    "with Namespace": () => ({ text: "Bootstrap: docker\nFrom: lolcow\nNamespace: godlovedc\n", prints: MOO }),
    "with Registry": () => ({
      text: `Bootstrap: docker\nFrom: ${NAME}\nRegistry: ${plain.host}\n`,
      args: overHttp,
      prints: MOO,
    }),
    "with Registry and Namespace": () => ({
      text: `Bootstrap: docker\nFrom: lolcow:latest\nRegistry: ${plain.host}\nNamespace: godlovedc\n`,
      args: overHttp,
      prints: MOO,
    }),
    "with %runscript": () => ({
      text: `Bootstrap: docker\nFrom: ${NAME}\n\n%runscript\n\n    fortune | cowsay | sed 's/Moo/Own/'\n    echo "$# given"\n`,
      prints: `< Own, all day >\n${COW}0 given\n`,
    }),
    "with IncludeCmd": () => ({
      text: `Bootstrap: docker\nFrom: ${NAME}\nIncludeCmd: yes\n`,
      prints: `< I am the CMD >\n${COW}`,
    }),
    "with IncludeCmd and %runscript": () => ({
      text: `Bootstrap: docker\nFrom: ${NAME}\nIncludeCmd: yes\n\n%runscript\n    fortune\n`,
      prints: "Moo, all day\n",
    }),
    "with %environment": () => ({
      text: `Bootstrap: docker\nFrom: ${NAME}\n\n%environment\n    export FORTUNE='Moo by night'\n`,
      prints: `< Moo by night >\n${COW}`,
    }),
    "from a Docker archive": () => ({ text: "Bootstrap: docker-archive\nFrom: lolcow.tar\n", prints: MOO }),
    "from an OCI layout": () => ({ text: "Bootstrap: oci\nFrom: layout:latest\n", prints: MOO }),
    "from an OCI archive": () => ({ text: "Bootstrap: oci-archive\nFrom: lolcow-oci.tar:latest\n", prints: MOO }),
    ...(withDocker
      ? {
          "from docker-daemon": () => ({
            text: "Bootstrap: docker-daemon\nFrom: sifon-e2e/lolcow:latest\n",
            args: byDaemon(),
            prints: MOO,
          }),
          "from docker-daemon, with Namespace": () => ({
            text: "Bootstrap: docker-daemon\nFrom: lolcow:latest\nNamespace: sifon-e2e\n",
            args: byDaemon(),
            prints: MOO,
          }),
        }
      : {}),
    "a private image, by environment": () => ({
      text: guarded(),
      args: trusting(),
      env: { SINGULARITY_DOCKER_USERNAME: secure.user, SINGULARITY_DOCKER_PASSWORD: secure.password },
      prints: MOO,
    }),
  };

  it.each(Object.keys(examples))("%s", async (name) => {
    const { text, args = [], env = {}, prints } = (examples[name] as () => Example)();
    await write(text);
    const { stdout } = await mustSifon([...build, ...args], { cwd: folder, env: { ...environment(), ...env } });
    expect(stdout).toBe("");
    expect(run()).toMatchObject({ stdout: prints, status: 0 });
  });

  it("a private image, with --docker-login: asked for on the terminal, never shown or kept", async () => {
    await write(guarded());
    const command = [process.execPath, SIFON_MAIN, ...build, "--docker-login", ...trusting()];
    const answers = {
      "Enter Docker Username: ": `${secure.user}\r`,
      "Enter Docker Password: ": `${secure.password}\r`,
    };
    const { code, seen } = await runOnTerminal(command, answers, { cwd: folder, env: environment() });
    expect(code, seen).toBe(0);
    expect(seen).toContain(`${secure.user}`);
    expect(seen).not.toContain(`${secure.password}`);
    expect(run()).toMatchObject({ stdout: MOO, status: 0 });
    expect((await readdir(folder)).filter((entry) => entry.startsWith("."))).toEqual([]);
  });

  it("a private image without the right password is not built, and no old image is lost", async () => {
    await write(`Bootstrap: docker\nFrom: ${NAME}\n`);
    await mustSifon(build, { cwd: folder, env: environment() });
    await write(guarded());
    const env = { ...environment(), DOCKER_USERNAME: secure.user, DOCKER_PASSWORD: "wrong" };
    const { code, stderr } = await sifon([...build, ...trusting()], { cwd: folder, env });
    expect(code, stderr).toBe(255);
    expect(stderr).toMatch(/^FATAL: .*unauthorized/m);
    expect(run()).toMatchObject({ stdout: MOO, status: 0 });
  });

  it.skipIf(!withDocker)("lolcow itself, from a registry", async () => {
    const reference = await provideImage(kept, LOLCOW);
    const text = `Bootstrap: docker\nFrom: ${reference}\n`;
    await write(text);
    await mustSifon([...build, ...overHttp], { cwd: folder, env: environment() });
    const { status, stdout, stderr } = run();
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(/^ _+\n(?:[</|\\( ].*\n)+ -+\n/);
    expect(stdout).toContain("(oo)\\_______");
    expect(stdout).toContain("||----w |");
    expect((await mustSifon(["inspect", "--deffile", at("lolcow.sif")])).stdout.trim()).toBe(text.trim());
  });
});
