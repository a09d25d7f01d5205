import { spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runCommand } from "../support/command.ts";
import { busybox, busyboxLayer, layerOf } from "../support/runnable-image.ts";
import { SIFON_MAIN } from "../support/sifon.ts";
import { makeSif } from "../support/small-sif.ts";
import { requireTool } from "../support/tools.ts";

const unshare = requireTool("unshare", "util-linux");
const ready = [
  unshare,
  ...[busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse")],
  requireTool("setpriv", "util-linux"),
].every((tool) => tool !== undefined);
const isRoot = process.getuid?.() === 0;
/** Without an account, so that the home directory is that of HOME. */
const ID = 4321;
const AS_USER = `setpriv --reuid=${ID} --regid=${ID} --clear-groups`;

// Only root can take something away from an ordinary user, in a mount namespace of its own.
describe.skipIf(!ready || !isRoot)("a host that lacks something, for an ordinary user", () => {
  let folder: string;
  let env: Record<string, string | undefined>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-poor-"));
    await chmod(folder, 0o755);
    await makeSif(join(folder, "image.sif"), { layers: [await busyboxLayer()] });
    await makeSif(join(folder, "closed.sif"));
    await chmod(join(folder, "closed.sif"), 0);
    // An ELF header of 64 bits, big-endian, with the machine 22: an image's architecture is that of its shell.
    const shell = `\x7fELF\x02\x02\x01${"\0".repeat(9)}\0\x02\0\x16${"\0".repeat(44)}`;
    const foreign = await layerOf({ "bin/sh": { content: shell, mode: 0o755 } });
    await makeSif(join(folder, "foreign.sif"), { layers: [foreign] });
    await writeFile(join(folder, "text"), "no image\n");
    // What is covered by it can neither be opened nor executed.
    await writeFile(join(folder, "nothing"), "", { mode: 0 });
    for (const name of ["home", "tmp"]) {
      await mkdir(join(folder, name));
      await chown(join(folder, name), ID, ID);
    }
    const none = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
    env = { ...none, PATH: "/usr/bin:/bin:/usr/sbin:/sbin", HOME: join(folder, "home"), TMPDIR: join(folder, "tmp") };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Runs Sifon as the user where these paths are closed. */
  function without(paths: readonly string[], args: readonly string[]) {
    const cover = paths.map((path) => `if [ -e ${path} ]; then mount --bind nothing ${path}; fi`);
    const script = ["mount --make-rprivate /", ...cover, `exec ${AS_USER} "$@"`].join("\n");
    const words = ["--mount", "sh", "-ec", script, "sh", process.execPath, SIFON_MAIN, ...args];
    return runCommand(unshare as string, words, { cwd: folder, env });
  }
  const SQUASHFUSE = ["/usr/bin/squashfuse_ll", "/usr/bin/squashfuse"];

  it.each([
    ["/dev/fuse", ["/dev/fuse"], /^WARNING: Cannot mount ".*image\.sif": \/dev\/fuse cannot be opened .*modprobe fuse/],
    [
      "squashfuse",
      SQUASHFUSE,
      /^WARNING: .*the program "squashfuse_ll" is not installed.*Debian's package: squashfuse/,
    ],
  ])("without %s the image is unpacked, and nothing is left of it", async (_what, paths, says) => {
    const { code, stdout, stderr } = await without(paths, ["exec", "image.sif", "sh", "-c", "echo ran; exit 3"]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "ran\n" });
    const [warning = "", info = "", ...rest] = stderr.split("\n");
    expect(warning).toMatch(says);
    expect(warning).toContain("The image is unpacked instead, which takes time and space");
    expect(info).toMatch(/^INFO: {4}Unpacking .*image\.sif to /);
    expect(rest).toEqual([""]);
    expect(await readdir(join(folder, "tmp"))).toEqual([]);
    const doctor = await without(paths, ["doctor"]);
    expect(doctor.code).toBe(0);
    expect(doctor.stdout).toMatch(
      /^limited {2}image mounts .*(\/dev\/fuse cannot be opened|squashfuse is not found).*unpacked/m,
    );
  });

  it.each([
    ["bwrap", "bubblewrap"],
    ["nsenter", "util-linux"],
  ])("without %s says which package has it", async (tool, debianPackage) => {
    const paths = [`/usr/bin/${tool}`];
    const { code, stdout, stderr } = await without(paths, ["exec", "image.sif", "true"]);
    expect({ code, stdout }).toEqual({ code: 255, stdout: "" });
    expect(stderr).toMatch(
      new RegExp(`^FATAL: {3}Cannot run a container: the program "${tool}" is not installed; .*\\n$`),
    );
    expect(stderr).toContain(
      `Install it (Debian's package: ${debianPackage}), or use --engine apptainer; "sifon doctor"`,
    );
    const doctor = await without(paths, ["doctor"]);
    expect(doctor.code).toBe(255);
    expect(doctor.stdout).toMatch(
      new RegExp(`^MISSING  ${tool} .*not found; Debian's package is ${debianPackage}$`, "m"),
    );
  });

  it("without user namespaces says who can allow them, and how", async () => {
    const run = (...args: string[]) => withoutNamespaces([process.execPath, SIFON_MAIN, ...args]);
    const { code, stdout, stderr } = await run("exec", "image.sif", "true");
    expect({ code, stdout }).toEqual({ code: 255, stdout: "" });
    expect(stderr).toMatch(
      /^FATAL: {3}Cannot run a container: this host does not let user 4321 have namespaces: .*\n$/,
    );
    expect(stderr).toContain("/proc/sys/user/max_user_namespaces is 0. Its administrator can allow them (sysctl ");
    const doctor = await run("doctor");
    expect(doctor.code).toBe(255);
    expect(doctor.stdout).toMatch(
      /^MISSING {2}namespaces .*switched off \(\/proc\/sys\/user\/max_user_namespaces is 0\); the administrator/m,
    );
  });

  it.each([
    [
      "closed.sif",
      /could not open image .*closed\.sif: .*closed\.sif is not readable by the current user, check permissions$/,
    ],
    [
      "none.sif",
      /could not open image .*: failed to retrieve path for .*: lstat .*none\.sif: no such file or directory\. Check the path\.$/,
    ],
    [
      "text",
      /could not open image .*text: image format not recognized: it is neither a SIF nor a SquashFS file nor a directory$/,
    ],
    [
      "foreign.sif",
      /the image's architecture \(s390x\) could not run on the host's \(\w+\)\. Take an image for \w+, or .*qemu-user-static/,
    ],
  ])("of %s says what is wrong", async (image, says) => {
    const { code, stdout, stderr } = await without([], ["exec", image, "true"]);
    expect({ code, stdout }).toEqual({ code: 255, stdout: "" });
    expect(stderr.trimEnd()).toMatch(/^FATAL: {3}While checking container encryption: /);
    expect(stderr.trimEnd()).toMatch(says);
  });

  it("binds nothing that is not there, and says so", async () => {
    const { code, stdout, stderr } = await without([], ["exec", "-B", "/nonexistent:/x", "image.sif", "echo", "ran"]);
    expect({ code, stdout }).toEqual({ code: 255, stdout: "" });
    expect(stderr.split("\n")).toEqual([
      "FATAL:   container creation failed: mount hook function failure: mount /nonexistent->/x error: while mounting /nonexistent: mount source /nonexistent doesn't exist",
      "",
    ]);
  });

  /** In a user namespace with all ids of which none may have a further one. */
  async function withoutNamespaces(words: readonly string[]) {
    const holder = spawn(unshare as string, ["--user", "sleep", "60"], { stdio: "ignore" });
    try {
      // The namespace is there once the process is in another one than this.
      const own = await readlink("/proc/self/ns/user");
      await expect.poll(() => readlink(`/proc/${holder.pid}/ns/user`), { timeout: 10_000 }).not.toBe(own);
      for (const map of ["uid_map", "gid_map"]) await writeFile(`/proc/${holder.pid}/${map}`, "0 0 65536\n");
      const script = `echo 0 >/proc/sys/user/max_user_namespaces; exec ${AS_USER} "$@"`;
      const enter = ["--user", "--target", String(holder.pid), "--setuid", "0", "--setgid", "0"];
      return await runCommand("nsenter", [...enter, "sh", "-ec", script, "sh", ...words], { cwd: folder, env });
    } finally {
      holder.kill("SIGKILL");
    }
  }
});
