import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findApptainer } from "../support/apptainer.ts";
import { runCommand } from "../support/command.ts";
import { busybox } from "../support/runnable-image.ts";
import { SIFON_MAIN } from "../support/sifon.ts";
import { requireTool } from "../support/tools.ts";
import { type BatchCall, type BatchResult, runBatch } from "./apptainer-batch.ts";
import { imageFile, makeImages } from "./run-images.ts";
import { INVOCATIONS, type Invocation } from "./run-invocations.ts";

const apptainer = findApptainer();
const ready = [
  apptainer,
  busybox,
  requireTool("bwrap", "bubblewrap"),
  requireTool("squashfuse_ll", "squashfuse"),
].every((tool) => tool !== undefined);
const isRoot = process.getuid?.() === 0;
const HOST_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** An ordinary user without an account here, so that the home directory is that of Apptainer's tree's user. */
const USER_ID = 4321;

const rows = INVOCATIONS.map((invocation, index) => ({ invocation, index }));
const nameOf = ({ before, image, after = [], env = {} }: Invocation) =>
  [
    ...Object.entries(env).map((pair) => pair.join("=")),
    ...before,
    `<${image}>`,
    ...after.map((word) => JSON.stringify(word)),
  ].join(" ");

describe.skipIf(!ready || !isRoot)("run, exec, shell, test and run-help beside Apptainer", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-run-oracle-"));
    await chmod(folder, 0o777);
    const builds = await makeImages(folder);
    const built = await runBatch(
      apptainer as string,
      builds.map((args) => ({ args, env: { PATH: HOST_PATH, HOME: "/root" } })),
      { folder: join(folder, "builds") },
    );
    for (const { code, stderr } of built) expect(code, stderr).toBe(0);
    await mkdir(join(folder, "shared/overlay/upper"), { recursive: true });
    await mkdir(join(folder, "shared/overlay/work"));
    await writeFile(join(folder, "shared/overlay/upper/kept"), "kept\n");
    await mkdir(join(folder, "shared/data"), { recursive: true });
    await writeFile(join(folder, "shared/data/file"), "shared file\n");
    await writeFile(join(folder, "shared/variables"), 'export FROM_FILE="of $HOME"\nSECOND=plain\n');
    for (const own of ["apptainer", "sifon"]) {
      for (const name of ["tmp", "var_tmp", "home", ""]) {
        await mkdir(join(folder, "own", own, name), { recursive: true });
        await chmod(join(folder, "own", own, name), 0o777);
      }
    }
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** The call of a row by one program; the images of both makers take turns. */
  function callOf(
    { before, image, after = [], env = {}, stdin, umask }: Invocation,
    index: number,
    own: string,
    home: string,
  ): BatchCall {
    const fill = (word: string) =>
      word.replaceAll("SHARED", join(folder, "shared")).replaceAll("OWN", join(folder, "own", own));
    const filled = Object.entries(env).map(([name, value]) => [name, fill(value)]);
    return {
      args: [...before.map(fill), join(folder, imageFile(image, index % 2 === 0 ? "ours" : "theirs")), ...after],
      env: { PATH: HOST_PATH, HOME: home, ...Object.fromEntries(filled) },
      ...(stdin === undefined ? {} : { stdin }),
      ...(umask === undefined ? {} : { umask }),
    };
  }

  async function runSifon({ args, env, stdin, umask }: BatchCall, wrapper: readonly string[]): Promise<BatchResult> {
    const none = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
    const words = ["/bin/sh", "-c", `${umask === undefined ? "" : `umask ${umask}; `}exec "$@"`, "sh", ...wrapper];
    const pairs = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    // `env` last: the shell before would add variables of its own.
    const [program, ...rest] = [...words, "env", "-i", ...pairs, process.execPath, SIFON_MAIN, ...args] as [
      string,
      ...string[],
    ];
    return runCommand(program, rest, { cwd: folder, env: none, stdin: stdin ?? "" });
  }

  describe.each([
    { who: "root", home: "/root", wrapper: [] },
    {
      ...{ who: "an ordinary user", home: "/home/user" },
      wrapper: ["/usr/bin/setpriv", `--reuid=${USER_ID}`, `--regid=${USER_ID}`, "--clear-groups"],
    },
  ])("as $who", ({ who, home, wrapper }) => {
    const own = rows.filter(({ invocation }) => who === "root" || invocation.rootOnly !== true);
    let expected: Map<number, BatchResult>;
    beforeAll(async () => {
      const calls = own.map(({ invocation, index }) => callOf(invocation, index, "apptainer", home));
      const results = await runBatch(apptainer as string, calls, {
        folder: join(folder, `results-${wrapper.length}`),
        asUser: who !== "root",
      });
      expected = new Map(results.map((result, at) => [own[at]!.index, result]));
    });

    it.concurrent.each(own.map(({ invocation, index }) => [nameOf(invocation), invocation, index] as const))(
      "%s",
      async (_name, invocation, index) => {
        const seen = await runSifon(callOf(invocation, index, "sifon", home), wrapper);
        const theirs = expected.get(index) as BatchResult;
        // Apptainer's runscript without a command is the shell's `set`, which tells the number of its parent, too.
        const told = ({ code, stdout }: BatchResult) => ({
          code,
          stdout: stdout.replaceAll("\0", "\n").replace(/^PPID=.*\n/m, ""),
        });
        expect(told(seen), `Apptainer said ${theirs.stderr}\nSifon said ${seen.stderr}`).toEqual(told(theirs));
      },
    );
  });
});
