import { randomInt } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { mustRun, runCommand } from "../support/command.ts";
import { debianTree } from "../support/lab.ts";
import { mustSifon, SIFON_MAIN, sifonAs } from "../support/sifon.ts";
import { requireRoot } from "../support/squashfs-mount.ts";
import { reportMissing, requireTool } from "../support/tools.ts";

/** Nobody's: no name in /etc/subuid, so that root alone exists in the scripts. */
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] as const;
const BUILDERS: readonly (readonly [string, readonly string[]])[] = [
  ["root", []],
  ["an ordinary user", NOBODY],
];

const tools = [requireTool("bwrap", "bubblewrap"), requireTool("squashfuse"), requireTool("setpriv", "util-linux")];
const ready = [...tools, requireTool("debootstrap"), requireRoot()].every(Boolean);

describe.skipIf(!ready)("%post on Debian", () => {
  let folder: string;
  let place: string;
  let temporary: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-e2e-post-"));
    await chmod(folder, 0o755);
    await mustSifon(["build", "--fast", join(folder, "base.sif"), await debianTree("bookworm")]);
    await chmod(join(folder, "base.sif"), 0o644);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  beforeEach(async () => {
    place = await mkdtemp(join(folder, "case-"));
    temporary = join(place, "tmp");
    await mkdir(temporary);
    for (const path of [place, temporary]) await chmod(path, 0o777);
  });

  async function define(post: string): Promise<string[]> {
    const path = join(place, "x.def");
    await writeFile(path, `Bootstrap: localimage\nFrom: ${join(folder, "base.sif")}\n\n%post\n${post}`);
    return ["build", "--fast", join(place, "out.sif"), path];
  }

  const environment = () => ({ HOME: temporary, TMPDIR: temporary });

  async function canRun(prefix: readonly string[]): Promise<boolean> {
    const [program, ...words] = [...prefix, "test", "-r", SIFON_MAIN];
    const { code } = await runCommand(program as string, words);
    if (code !== 0) reportMissing(`the user of "${prefix.join(" ")}" may not read ${SIFON_MAIN}`);
    return code === 0;
  }

  it.each(BUILDERS)("installs a package with apt-get, as %s", async (_, prefix) => {
    if (!(await canRun(prefix))) return;
    const args = await define(
      "    apt-get update\n    apt-get install -y --no-install-recommends hello\n    id -u _apt > /apt-id\n",
    );
    const { code, stderr } = await sifonAs(prefix, args, { env: environment() }).ended;
    expect(code, stderr).toBe(0);
    const { stdout } = await mustSifon(["exec", join(place, "out.sif"), "hello"]);
    expect(stdout).toBe("Hello, world!\n");
    const { stdout: status } = await mustSifon(["exec", join(place, "out.sif"), "dpkg", "--verify"]);
    expect(status).toBe("");
    // What dpkg and the base gave to others is theirs, whoever built it.
    const { stdout: listing } = await mustSifon(["ls", "-l", join(place, "out.sif"), "/var/lib/apt/lists"]);
    expect(listing).toContain("_dists_bookworm_InRelease");
    expect(await readdir(temporary)).toEqual([]);
  });

  it.each(BUILDERS.flatMap(([name, prefix]) => [[name, prefix, 1] as const, [name, prefix, -1] as const]))(
    "leaves nothing of a SIGINT in its middle, as %s",
    async (_, prefix, whom) => {
      if (!(await canRun(prefix))) return;
      const seconds = `${randomInt(100_000, 1_000_000)}.25`;
      const args = await define(
        `    touch /written\n    sleep ${seconds} & sleep ${seconds} & setsid sleep ${seconds} &\n    echo begun >&2\n    wait\n`,
      );
      const run = sifonAs(prefix, args, { env: environment() });
      await run.said(/begun.*begun/s);
      await expect.poll(() => running(seconds)).toHaveLength(3);
      expect(await readdir(temporary)).not.toEqual([]);
      expect(await processesOf(place)).not.toEqual([]);
      process.kill((run.child.pid as number) * whom, "SIGINT");
      expect((await run.ended).code).toBe(130);
      // A signal reaches the last of them a moment after the first is gone.
      await expect.poll(() => running(seconds)).toEqual([]);
      await expect.poll(() => processesOf(place)).toEqual([]);
      expect(await readdir(temporary)).toEqual([]);
      expect((await readdir(place)).sort()).toEqual(["tmp", "x.def"]);
      expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(place);
      await mustRun("rmdir", [temporary]);
    },
  );
});

/** Processes of this host that have this folder in their arguments, their environment or as their place. */
async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const texts = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => ""),
      readFile(`/proc/${pid}/environ`, "latin1").catch(() => ""),
      readlink(`/proc/${pid}/cwd`).catch(() => ""),
    ]);
    if (texts.some((text) => text.includes(folder))) found.push(`${pid}: ${texts[0]?.replaceAll("\0", " ")}`);
  }
  return found;
}

/** Processes of this host that sleep for so long, in any namespace. */
async function running(seconds: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const command = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
    if (command === `sleep\0${seconds}\0`) found.push(pid);
  }
  return found;
}
