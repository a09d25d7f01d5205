import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CommandResult, runCommand } from "../support/command.ts";
import { busybox, busyboxLayer } from "../support/runnable-image.ts";
import { SIFON_MAIN } from "../support/sifon.ts";
import { makeSif } from "../support/small-sif.ts";
import { requireTool } from "../support/tools.ts";

const ready = [
  ...[busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse")],
  ...[requireTool("setpriv", "util-linux"), requireTool("prlimit", "util-linux")],
].every((tool) => tool !== undefined);
const isRoot = process.getuid?.() === 0;
/** One that no other test has, nor another run of this one: limits count all processes of a user. */
const ID = 10_000 + (process.pid % 20_000);

describe.skipIf(!ready)("a process that lacks something", () => {
  let folder: string;
  let image: string;
  let env: Record<string, string | undefined>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-process-"));
    await chmod(folder, 0o755);
    image = join(folder, "image.sif");
    await makeSif(image, { layers: [await busyboxLayer()] });
    await mkdir(join(folder, "home"));
    if (isRoot) await chown(join(folder, "home"), ID, ID);
    const none = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
    env = { ...none, PATH: "/usr/bin:/bin:/usr/sbin:/sbin", HOME: join(folder, "home"), TMPDIR: join(folder, "home") };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** A user without an account, where there is root to become one: the home directory is that of HOME. */
  const asUser = isRoot ? ["setpriv", `--reuid=${ID}`, `--regid=${ID}`, "--clear-groups"] : ["env"];
  function sifonBy(words: readonly string[], args: readonly string[], more: typeof env = {}): Promise<CommandResult> {
    const [program, ...rest] = [...words, process.execPath, SIFON_MAIN, ...args] as [string, ...string[]];
    return runCommand(program, rest, { cwd: folder, env: { ...env, ...more } });
  }

  describe("its current directory", () => {
    const REMOVED = "can't determine current working directory: getwd: no such file or directory";
    const removed = (args: readonly string[]) => {
      const script = 'gone=$(mktemp -d "$HOME/gone-XXXXXX"); cd "$gone"; rmdir "$gone"; exec "$@"';
      return sifonBy([...asUser, "sh", "-c", script, "sh"], args);
    };

    it.each([
      [[], "", `/$`],
      [["--pid"], "", "/$"],
      [["--cwd", "/bin"], "/bin", undefined],
      [["--contain", "--no-home"], "/", undefined],
    ] as const)("is not there: exec %j", async (options, shown, warned) => {
      const { code, stdout, stderr } = await removed(["exec", ...options, image, "pwd"]);
      const home = env.HOME as string;
      const place = isRoot ? home : stdout.trim();
      expect({ code, stdout }).toEqual({ code: 0, stdout: `${shown || place}\n` });
      const second = `WARNING: Error changing the container working directory. Using '${place}' instead: chdir : no such file or directory\n`;
      expect(stderr).toBe(`WARNING: ${REMOVED}\n${warned === undefined ? "" : second}`);
    });

    it.each([
      [["exec", "image.sif", "true"]],
      [["exec", "-B", "x:/y", "IMAGE", "true"]],
      [["exec", "--overlay", "x", "IMAGE", "true"]],
      [["build", "--sandbox", "x", "IMAGE"]],
      [["inspect", "image.sif"]],
    ])("is not there, and a relative path is given: %j", async (args) => {
      const { code, stderr } = await removed(args.map((word) => word.replace("IMAGE", image)));
      expect(code).toBe(255);
      const fatal = stderr.split("\n").filter((line) => line.startsWith("FATAL:"));
      expect(fatal).toEqual([expect.stringContaining(`${REMOVED}. It has been removed: go to one that is there (cd)`)]);
    });

    it("is not there, and images are built by their absolute paths, with threads", async () => {
      const output = join(folder, "home", "built.sif");
      const { code, stderr } = await removed(["build", "--compression", "lz4", "--workers", "2", output, image]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("Build complete") });
      const refused = await removed(["build", "x.sif", image]);
      expect({ code: refused.code, stderr: refused.stderr }).toEqual({
        code: 255,
        stderr: expect.stringMatching(/FATAL: {3}While performing build: .*"x\.sif"/),
      });
    });
  });

  describe("programs", () => {
    it.each(["bwrap", "nsenter", "unshare", "squashfuse_ll", "setpriv", "mount"])(
      "takes the next %s of PATH where the first is a directory, or may not be executed",
      async (tool) => {
        const first = await mkdtemp(join(folder, "directory-"));
        const second = await mkdtemp(join(folder, "closed-"));
        for (const place of [first, second]) await chmod(place, 0o755);
        await mkdir(join(first, tool));
        await writeFile(join(second, tool), "", { mode: 0o644 });
        const PATH = `${first}:${second}:${env.PATH}`;
        expect(
          await sifonBy(asUser.with(0, `/usr/bin/${asUser[0]}`), ["exec", image, "echo", "ran"], { PATH }),
        ).toMatchObject({
          ...{ code: 0, stdout: "ran\n", stderr: "" },
        });
      },
    );

    it.each(["bwrap", "nsenter", "unshare"])("says which %s cannot be executed, and why", async (tool) => {
      const place = await mkdtemp(join(folder, "broken-"));
      await chmod(place, 0o755);
      await writeFile(join(place, tool), "#!/nonexistent/interpreter\n", { mode: 0o755 });
      const { code, stderr } = await sifonBy(asUser, ["exec", image, "true"], { PATH: `${place}:${env.PATH}` });
      // A shell starts some of them; its words have a capital.
      expect({ code, stderr: stderr.replace(": No such", ": no such") }).toEqual({
        code: 255,
        stderr: `FATAL:   Cannot run a container: "${join(place, tool)}" cannot be executed: no such file or directory. Mend it, or let PATH lead to another one. "sifon doctor" shows all that this host has.\n`,
      });
    });
  });

  describe("limits", () => {
    it.each([20, 40, 63])("allow %i open files: says that it takes 64", async (count) => {
      const { code, stderr } = await sifonBy([...asUser, "prlimit", `--nofile=${count}`], ["exec", image, "true"]);
      expect({ code, stderr }).toEqual({
        code: 255,
        stderr: `FATAL:   Cannot run: the limit of open files is ${count}, and it takes 64: raise it (ulimit -n 64)\n`,
      });
    });

    it("allow 64 open files", async () => {
      const limited = [...asUser, "prlimit", "--nofile=64"];
      expect(await sifonBy(limited, ["exec", image, "echo", "ran"])).toMatchObject({ code: 0, stdout: "ran\n" });
    });

    // Node itself takes seven.
    it.skipIf(!isRoot).each([8, 10, 12, 14, 16])("allow %i processes and threads: says so", async (count) => {
      const limited = [...asUser, "prlimit", `--nproc=${count}`];
      const { code, stdout, stderr } = await sifonBy(limited, ["exec", image, "true"]);
      expect({ code, stdout }).toEqual({ code: 255, stdout: "" });
      expect(stderr).toMatch(
        /^FATAL: {3}Cannot run.*: the limit of processes and threads (is \d+|\(\d+\)).*ulimit -u.*\n$/,
      );
      // Nothing of it goes on.
      await expect.poll(() => processesOf(ID)).toEqual([]);
    });
  });
});

async function processesOf(uid: number): Promise<string[]> {
  const { stdout } = await runCommand("ps", ["-u", String(uid), "-o", "args="]);
  return stdout.split("\n").filter((line) => line !== "" && !line.includes("defunct"));
}
