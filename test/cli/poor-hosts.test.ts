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
  function without(paths: readonly string[], args: readonly string[], more: typeof env = {}) {
    return covering(
      paths.map((path) => [path, "nothing"]),
      args,
      more,
    );
  }

  /** Runs Sifon as the user where other files stand in the place of these. */
  function covering(
    covers: readonly (readonly [path: string, file: string])[],
    args: readonly string[],
    more: typeof env = {},
  ) {
    const cover = covers.map(([path, file]) => `if [ -e ${path} ]; then mount --bind ${file} ${path}; fi`);
    const script = ["mount --make-rprivate /", ...cover, `exec ${AS_USER} "$@"`].join("\n");
    const words = ["--mount", "sh", "-ec", script, "sh", process.execPath, SIFON_MAIN, ...args];
    return runCommand(unshare as string, words, { cwd: folder, env: { ...env, ...more } });
  }
  const SQUASHFUSE = ["/usr/bin/squashfuse_ll", "/usr/bin/squashfuse"];

  it.each([
    ["/dev/fuse", ["/dev/fuse"], /^WARNING: Cannot mount ".*image\.sif": \/dev\/fuse cannot be opened .*modprobe fuse/],
    [
      "squashfuse",
      SQUASHFUSE,
      /^WARNING: .*the program "squashfuse_ll" is not installed.*Debian's package: squashfuse/,
    ],
  ])("without %s the image is unpacked into the cache, once", async (_what, paths, says) => {
    const cache = join(env.HOME as string, ".sifon/cache/unpacked");
    await rm(cache, { recursive: true, force: true });
    const { code, stdout, stderr } = await without(paths, ["exec", "image.sif", "sh", "-c", "echo ran; exit 3"]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: "ran\n" });
    const [warning = "", info = "", ...rest] = stderr.split("\n");
    expect(warning).toMatch(says);
    expect(warning).toContain("The image is unpacked instead, which takes time and space");
    expect(info).toMatch(/^INFO: {4}Unpacking .*image\.sif to /);
    expect(rest).toEqual([""]);
    const again = await without(paths, [
      "exec",
      "--writable-tmpfs",
      "image.sif",
      "sh",
      "-c",
      "echo x >/x; rm /bin/wc; echo ran",
    ]);
    expect(again).toMatchObject({ code: 0, stdout: "ran\n", stderr: "" });
    const [key = "", ...others] = await readdir(cache);
    expect(others).toEqual([]);
    expect(await readdir(join(cache, key))).toEqual(["root"]);
    expect(await readdir(join(cache, key, "root"))).not.toContain("x");
    expect(await readdir(join(cache, key, "root/bin"))).toContain("wc");
    const aside = await without(paths, ["exec", "--disable-cache", "image.sif", "true"]);
    expect(aside.stderr).toMatch(/^INFO: {4}Unpacking .*image\.sif to .*\/tmp\/\.sifon-unpacked\./m);
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
    expect(stderr).toContain(`Install it (Debian's package: ${debianPackage}). "sifon doctor" shows all`);
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

  describe("--fakeroot", () => {
    const [UIDS, GIDS] = ["/etc/subuid", "/etc/subgid"];
    it.each([
      [
        "newuidmap",
        [
          [UIDS, "ranges"],
          [GIDS, "ranges"],
          ["/usr/bin/newuidmap", "nothing"],
        ],
        "newuidmap not found; Debian's package is uidmap",
      ],
      [
        "ranges of ids",
        [
          [UIDS, "empty"],
          [GIDS, "empty"],
        ],
        "no range of yours in /etc/subuid and /etc/subgid; the administrator can add one",
      ],
      [
        "a range of group ids",
        [
          [UIDS, "ranges"],
          [GIDS, "empty"],
        ],
        "no range of yours in /etc/subgid; the administrator can add one",
      ],
    ] as const)("without %s says what doctor says, and has root alone", async (_what, covers, problem) => {
      await writeFile(join(folder, "ranges"), `${ID}:700000:65536\n`);
      await writeFile(join(folder, "empty"), "");
      const { code, stdout, stderr } = await covering(covers, ["exec", "--fakeroot", "image.sif", "id", "-u"]);
      expect({ code, stdout }).toEqual({ code: 0, stdout: "0\n" });
      expect(stderr).toMatch(/^INFO: {4}Only root exists in the container: [^\n]*\n$/);
      expect(stderr).toContain(problem);
      const doctor = await covering(covers, ["doctor"]);
      expect(doctor.stdout).toContain(`limited  fakeroot       only root inside: ${problem}`);
    });

    it("has root alone where newuidmap refuses, and says why", async () => {
      await writeFile(join(folder, "ranges"), `${ID}:700000:65536\n`);
      await writeFile(join(folder, "refusing"), "#!/bin/sh\necho refused >&2; exit 1\n", { mode: 0o755 });
      const covers = [
        [UIDS, "ranges"],
        [GIDS, "ranges"],
        ["/usr/bin/newuidmap", "refusing"],
      ] as const;
      expect(await covering(covers, ["exec", "--fakeroot", "image.sif", "id", "-u"])).toMatchObject({
        ...{ code: 0, stdout: "0\n", stderr: "INFO:    Only root exists in the container: refused\n" },
      });
    });
  });

  describe("a sandbox that may not be read", () => {
    const OWNED = "cannot be read by user 4321: it belongs to user 0, mode ";
    it.each([
      ["", 0, 255, `SANDBOX is not readable by the current user, check permissions: SANDBOX ${OWNED}0000`],
      ["", 0o744, 255, `SANDBOX is not readable by the current user, check permissions: SANDBOX ${OWNED}0744`],
      ["bin", 0o700, 255, `"echo": executable file not found in $PATH; SANDBOX/bin ${OWNED}0700`],
      ["bin/busybox", 0o711, 255, `permission denied: SANDBOX/bin/busybox ${OWNED}0711`],
      ["etc", 0, 255, `SANDBOX/etc ${OWNED}0000`],
      [".singularity.d", 0, 0, `Skipping scripts of the container: SANDBOX/.singularity.d ${OWNED}0000`],
      [
        ".singularity.d/env/90-environment.sh",
        0,
        0,
        `Skipping scripts of the container: SANDBOX/.singularity.d/env/90-environment.sh ${OWNED}0000`,
      ],
      ["sbin", 0, 0, ""],
    ] as const)("%s, mode %o", async (closed, mode, expected, says) => {
      const sandbox = await mkdtemp(join(folder, "sandbox-"));
      await runCommand(process.execPath, [SIFON_MAIN, "build", "--force", "--sandbox", sandbox, "image.sif"], {
        cwd: folder,
      });
      await mkdir(join(sandbox, "sbin"));
      await chmod(join(sandbox, closed), mode);
      const { code, stdout, stderr } = await without([], ["exec", sandbox, "echo", "ran"]);
      expect({ code, stdout }).toEqual({ code: expected, stdout: expected === 0 ? "ran\n" : "" });
      expect(stderr).toContain(says.replaceAll("SANDBOX", sandbox));
      expect(stderr === "").toBe(says === "");
    });
  });

  it("binds nothing that is not there, and says so", async () => {
    const { code, stdout, stderr } = await without([], ["exec", "-B", "/nonexistent:/x", "image.sif", "echo", "ran"]);
    expect({ code, stdout }).toEqual({ code: 255, stdout: "" });
    expect(stderr.split("\n")).toEqual([
      "WARNING: skipping mount of /nonexistent: stat /nonexistent: no such file or directory",
      "FATAL:   container creation failed: mount hook function failure: mount /nonexistent->/x error: while mounting /nonexistent: mount source /nonexistent doesn't exist",
      "",
    ]);
  });

  it("binds nothing to which the way is closed, and says so; a home directory there is left out", async () => {
    const closed = join(folder, "closed");
    await mkdir(closed, { mode: 0o700, recursive: true });
    const source = join(closed, "x");
    const bound = await without([], ["exec", "-B", `${source}:/x`, "image.sif", "echo", "ran"]);
    expect({ code: bound.code, lines: bound.stderr.split("\n") }).toEqual({
      code: 255,
      lines: [
        `WARNING: skipping mount of ${source}: stat ${source}: permission denied`,
        `FATAL:   container creation failed: mount hook function failure: mount ${source}->/x error: while mounting ${source}: while getting stat for ${source}: stat ${source}: permission denied`,
        "",
      ],
    });
    const home = await without([], ["exec", "image.sif", "echo", "ran"], { HOME: source });
    expect(home).toMatchObject({ code: 0, stdout: "ran\n" });
    expect(home.stderr).toBe(`WARNING: skipping mount of ${source}: stat ${source}: permission denied\n`);
  });

  /** In a user namespace with all ids of which none may have a further one. */
  async function withoutNamespaces(words: readonly string[]) {
    const holder = spawn(unshare as string, ["--user", "sleep", "60"], { stdio: "ignore" });
    try {
      // The namespace is there once the process is in another one than this.
      const own = await readlink("/proc/self/ns/user");
      await expect.poll(() => readlink(`/proc/${holder.pid}/ns/user`)).not.toBe(own);
      for (const map of ["uid_map", "gid_map"]) await writeFile(`/proc/${holder.pid}/${map}`, "0 0 65536\n");
      const script = `echo 0 >/proc/sys/user/max_user_namespaces; exec ${AS_USER} "$@"`;
      const enter = ["--user", "--target", String(holder.pid), "--setuid", "0", "--setgid", "0"];
      return await runCommand("nsenter", [...enter, "sh", "-ec", script, "sh", ...words], { cwd: folder, env });
    } finally {
      holder.kill("SIGKILL");
    }
  }
});
