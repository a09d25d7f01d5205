import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readlinkSync, statSync } from "node:fs";
import { chmod, chown, copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RootImage } from "../../src/runtime.ts";
import { runCommand } from "../support/command.ts";
import { makeImage, writeLayout } from "../support/registry-image.ts";
import { busybox, busyboxLayer, rootImageOf } from "../support/runnable-image.ts";
import { SIFON_MAIN, sifon, startSifon } from "../support/sifon.ts";
import { makeSif } from "../support/small-sif.ts";
import { requireTool } from "../support/tools.ts";

const ready = [busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse")].every(
  (tool) => tool !== undefined,
);

const isRoot = process.getuid?.() === 0;
const ORDINARY_ID = 65_534;
/** The host's network namespace. */
const NETWORK = readlinkSync("/proc/self/ns/net");

describe.skipIf(!ready)("sifon run, exec, shell, test", () => {
  let folder: string;
  let image: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-action-"));
    image = join(folder, "image.sif");
    await makeSif(image, {
      layers: [await busyboxLayer()],
      config: {
        Env: ["PATH=/bin", "V=image", 'HARD=a "b" $c `d`'],
        Entrypoint: ["/bin/printf", "%s|"],
        Cmd: ["cmd", "x y"],
      },
    });
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const inFolder = (...args: string[]) => sifon(args, { cwd: folder });

  it.each([
    [["run"], [], "cmd|x y|"],
    [["run"], ["--help", "-B"], "--help|-B|"],
    [["exec"], ["printenv", "HARD"], undefined],
    [["exec"], ["sh", "-c", 'echo "$HARD"'], 'a "b" $c `d`\n'],
    [["exec", "--env", "V=given"], ["sh", "-c", "echo $V"], "given\n"],
    [["exec", "-B", "/etc:/mnt/a b:ro"], ["sh", "-c", "touch '/mnt/a b/x' 2>&1"], undefined],
    [["exec", "--writable-tmpfs"], ["sh", "-c", "echo w >/new && cat /new"], "w\n"],
    // As in Apptainer, it implies --net.
    [
      ["exec", "--network", "none"],
      ["sh", "-c", `[ "$(readlink /proc/self/ns/net)" = "${NETWORK}" ] || echo own`],
      "own\n",
    ],
    [["exec", "--containlibs", "/etc/passwd"], ["sh", "-c", "cd /.singularity.d/libs && echo *"], "passwd\n"],
    [["exec", "--contain"], ["sh", "-c", "ls -A /tmp | wc -l; pwd | grep -c /"], "0\n1\n"],
  ])("sifon %j IMAGE %j", async (before, after, stdout) => {
    const result = await inFolder(...before, image, ...after);
    if (stdout === undefined) expect(result.code).not.toBe(0);
    else expect(result).toMatchObject({ stdout, code: 0 });
  });

  it.each([
    [["sh", "-c", "exit 42"], 42, ""],
    [["sh", "-c", "kill -9 $$"], 137, ""],
    [["nonexistent"], 255, 'FATAL:   "nonexistent": executable file not found in $PATH\n'],
    [["/nonexistent"], 255, "FATAL:   stat /nonexistent: no such file or directory\n"],
    [["/etc/passwd"], 255, "FATAL:   permission denied\n"],
  ])("sifon exec IMAGE %j ends with %i", async (words, code, stderr) => {
    expect(await inFolder("exec", image, ...words)).toMatchObject({ code, stderr, stdout: "" });
  });

  it.each([[], ["--pid"]])("passes on what is sent to it, once, with %j", async (...options) => {
    const run = startSifon(
      [
        "exec",
        ...options,
        image,
        "sh",
        "-c",
        "trap 'echo caught' TERM; trap 'exit 6' USR1; echo up >&2; while :; do sleep 0.05; done",
      ],
      { cwd: folder },
    );
    await run.said(/up/);
    run.child.kill("SIGTERM");
    await once(run.child.stdout!, "data");
    run.child.kill("SIGUSR1");
    const { code, stdout } = await run.ended;
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 6, stdout: "caught\n" });
  });

  it.each(["SIGINT", "SIGTERM", "SIGKILL", "SIGPIPE", "SIGUSR1"] as const)(
    "ends by %s where the program does",
    async (signal) => {
      const words = ["exec", image, "sh", "-c", `kill -${signal.slice(3)} $$`];
      expect(await startSifon(words, { cwd: folder }).ended).toMatchObject({ signal, code: null });
    },
  );

  it("gives the program the very streams that it has itself, and takes the end of a reader as it does", async () => {
    const run = [process.execPath, SIFON_MAIN, "exec", image];
    const shell = (script: string) => runCommand("bash", ["-c", script, "bash", ...run], { cwd: folder });
    await shell(`"$@" stat -L -c %i /dev/fd/0 /dev/fd/1 <image.sif >stdout.inode`);
    const inodes = [image, join(folder, "stdout.inode")].map((path) => String(statSync(path).ino));
    expect((await readFile(join(folder, "stdout.inode"), "utf8")).split("\n")).toEqual([...inodes, ""]);
    expect((await shell(`head -c 100000000 /dev/zero | "$@" cat | wc -c`)).stdout.trim()).toBe("100000000");
    expect((await shell(`"$@" cat /dev/zero | head -c 1 >/dev/null; echo $PIPESTATUS`)).stdout).toBe("141\n");
  });

  it("lets the container's env(1) set what the host's loader heeds", async () => {
    const words = ["exec", "--env", "LD_PRELOAD=/none.so", image, "sh", "-c", "echo $LD_PRELOAD"];
    expect(await inFolder(...words)).toMatchObject({ stdout: "/none.so\n", stderr: "", code: 0 });
  });

  it("tells a missing bind source, and runs nothing", async () => {
    const { code, stderr, stdout } = await inFolder("exec", "-B", "/nonexistent", image, "echo", "ran");
    expect({ code, stdout }).toEqual({ code: 255, stdout: "" });
    expect(stderr).toMatch(/^WARNING: skipping mount of \/nonexistent: .*\nFATAL: {3}container creation failed: /);
  });

  it.each([
    ["FILE:/h", /mount FILE->\/h error: while mounting FILE: FILE is a file; a home directory is a directory\n$/],
    ["FILE", /mount FILE->FILE error: while mounting FILE: FILE is a file; /],
    ["FOLDER:/etc/passwd", /mount FOLDER->\/etc\/passwd error: .*\/etc\/passwd in the container is no directory/],
  ])("runs nothing with --home %s", async (home, says) => {
    const filled = home.replaceAll("FILE", image).replaceAll("FOLDER", folder);
    const { code, stdout, stderr } = await inFolder("exec", "--home", filled, image, "echo", "ran");
    expect({ code, stdout }).toEqual({ code: 255, stdout: "" });
    expect(stderr.replaceAll(image, "FILE").replaceAll(folder, "FOLDER")).toMatch(says);
  });

  it("has a home directory in memory for one that is not there", async () => {
    const words = ["exec", "--home", "/nonexistent:/h", image, "sh", "-c", "echo kept >$HOME/x && cat /h/x"];
    expect(await inFolder(...words)).toMatchObject({
      ...{ code: 0, stdout: "kept\n" },
      stderr: "WARNING: the home directory /nonexistent doesn't exist: an empty one in memory takes its place\n",
    });
  });

  it("writes to a sandbox with --writable, and never to a SIF", async () => {
    const sandbox = join(folder, "sandbox");
    await sifon(["build", "--sandbox", sandbox, image]);
    const script = ["sh", "-c", "echo x >/new; cat /new"];
    expect(await inFolder("exec", "--writable", sandbox, ...script)).toMatchObject({ stdout: "x\n", code: 0 });
    const refused = await inFolder("exec", "--writable", image, ...script);
    expect(refused).toMatchObject({
      code: 255,
      stderr: `FATAL:   no SIF writable overlay partition found in ${image}\n`,
    });
  });

  it("keeps what is written with --overlay for the next run", async () => {
    const overlay = join(folder, "overlay");
    await mkdir(overlay);
    await writeFile(join(folder, "marker"), "");
    await inFolder("exec", "--overlay", overlay, image, "sh", "-c", "echo kept >/kept");
    expect((await inFolder("exec", "--overlay", `${overlay}:ro`, image, "cat", "/kept")).stdout).toBe("kept\n");
  });

  it("puts several overlays over an image, the last one on top and what is written above all", async () => {
    const overlay = async (name: string, text: string) => {
      const path = join(folder, name);
      await mkdir(join(path, "upper"), { recursive: true });
      await writeFile(join(path, "upper/which"), text);
      return path;
    };
    const [a, b, written] = [await overlay("a", "a"), await overlay("b", "b"), await overlay("w", "w")];
    const squashfs = join(folder, "over.squashfs");
    const { offset, size } = (await rootImageOf(image)) as RootImage & { kind: "squashfs" };
    await writeFile(squashfs, (await readFile(image)).subarray(offset, offset + size));
    const cat = async (...options: string[]) =>
      (await inFolder("exec", ...options.flatMap((path) => ["--overlay", path]), image, "cat", "/which")).stdout;
    expect(await cat(`${a}:ro`, `${b}:ro`)).toBe("b");
    expect(await cat(`${b}:ro`, `${squashfs}:ro`, `${a}:ro`)).toBe("a");
    expect(await cat(written, `${b}:ro`)).toBe("w");
    const write = await inFolder(
      "exec",
      "--overlay",
      `${a}:ro`,
      "--writable-tmpfs",
      image,
      "sh",
      "-c",
      "echo x >/which; cat /which",
    );
    expect(write).toMatchObject({ stdout: "x\n", code: 0 });
    expect(await readFile(join(a, "upper/which"), "utf8")).toBe("a");
  });

  it("takes one thing to write to: an overlay, or memory", async () => {
    const overlay = join(folder, "not-memory");
    await mkdir(overlay);
    for (const option of ["--writable-tmpfs", "--compat"]) {
      const { code, stderr } = await inFolder("exec", option, "--overlay", overlay, image, "true");
      expect({ code, stderr }).toEqual({
        code: 255,
        stderr: expect.stringContaining(`you can't specify --writable-tmpfs with another writable overlay image`),
      });
    }
    expect(await readdir(overlay)).toEqual([]);
    const both = await inFolder("exec", "--writable", "--writable-tmpfs", image, "true");
    expect(both.stderr).toMatch(
      /^WARNING: Disabling --writable-tmpfs flag, mutually exclusive with --writable\nFATAL: .*no SIF writable overlay/,
    );
  });

  it("makes more mount points than fit one argument of a program, and says what lies in their way", async () => {
    // 128 KiB are the most that the kernel takes in one piece.
    const parent = `/points/${"d".repeat(230)}`;
    const options = Array.from({ length: 300 }, (_, index) => ["--scratch", `${parent}/${"x".repeat(240)}${index}`]);
    const words = ["sh", "-c", "cd /points/*/ && ls | wc -l"];
    const many = await inFolder("exec", "-B", `${image}:${parent}/file`, ...options.flat(), image, ...words);
    expect(many).toMatchObject({ code: 0, stdout: "301\n", stderr: "" });
    const below = await inFolder("exec", "-B", `${folder}:/bin/busybox/x`, image, "true");
    expect(below.stderr).toMatch(/^FATAL: .* while mounting \S+: \/bin\/busybox in the container is no directory\n$/);
  });

  it("takes as many overlays as the kernel does", async () => {
    const overlays = Array.from({ length: 200 }, (_, index) => join(folder, "layers", String(index)));
    for (const [index, path] of overlays.entries()) {
      await mkdir(join(path, "upper"), { recursive: true });
      await writeFile(join(path, "upper", `of-${index}`), "");
    }
    const options = overlays.flatMap((path) => ["--overlay", `${path}:ro`]);
    const words = ["sh", "-c", "set -- /of-*; echo $#"];
    expect(await inFolder("exec", ...options, image, ...words)).toMatchObject({ stdout: "200\n", stderr: "" });
    const [first = ""] = overlays;
    const more = Array.from({ length: 500 }, () => ["--overlay", `${first}:ro`]).flat();
    expect(await inFolder("exec", ...more, image, ...words)).toMatchObject({
      ...{ code: 255, stdout: "" },
      stderr: expect.stringContaining("layers over each other: the kernel takes 500"),
    });
  });

  it("never covers the whole root with a bind", async () => {
    expect(await inFolder("exec", "-B", `${folder}:/`, image, "echo", "ran")).toMatchObject({
      ...{ code: 0, stdout: "ran\n" },
      stderr: `WARNING: skipping mount of ${folder}: its destination is the root of the container\n`,
    });
  });

  it("runs nothing of a transport that there is not", async () => {
    expect(await inFolder("run", "foo://bar")).toMatchObject({
      ...{ code: 255, stdout: "" },
      stderr: expect.stringMatching(/^FATAL: {3}Unsupported transport type: foo\. Sifon reads docker:\/\/, /),
    });
  });

  it("says what is wrong with an overlay", async () => {
    const [first, second, ext3] = ["one", "two", "ext3.img"].map((name) => join(folder, `bad-${name}`)) as [
      string,
      string,
      string,
    ];
    await mkdir(first);
    await mkdir(second);
    const superblock = Buffer.alloc(4096);
    superblock.writeUInt16LE(0xef53, 1080);
    await writeFile(ext3, superblock);
    const third = join(folder, "bad-three");
    await mkdir(third);
    await writeFile(join(third, "upper"), "");
    const [linkedUpper, linkedWork] = [join(folder, "linked-upper"), join(folder, "linked-work")];
    for (const [path, part] of [
      [linkedUpper, "upper"],
      [linkedWork, "work"],
    ] as const) {
      await mkdir(path);
      await symlink("../bad-one", join(path, part));
    }
    for (const [overlays, message] of [
      [[third], /^FATAL: +while loading .*three\/upper is not a directory: put the directory itself there/],
      [[linkedUpper], /linked-upper\/upper is not a directory but a symbolic link: put the directory itself there/],
      [[`${linkedUpper}:ro`], /linked-upper\/upper is not a directory but a symbolic link/],
      [[linkedWork], /linked-work\/work is not a directory but a symbolic link/],
      [[first, second], /more than one writable overlay, .*one .* '--overlay .*two:ro'/],
      [[`${folder}/none`], /failed to open overlay image .*none: no such file/],
      [[`${folder}/${"n".repeat(256)}`], /^FATAL: +while loading .*failed to open overlay image .*n: name too long\n$/],
      [[`${ext3}/below`], /^FATAL: +while loading .*failed to open overlay image .*below: not a directory\n$/],
      [[image], /image format not recognized; directories and SquashFS files are/],
      [[ext3], /ext3 file system.*e2fsprogs/],
    ] as const) {
      const { code, stderr } = await inFolder(
        "exec",
        ...overlays.flatMap((path) => ["--overlay", path]),
        image,
        "true",
      );
      expect({ code, stderr }).toEqual({ code: 255, stderr: expect.stringMatching(message) });
    }
  });

  it.each(
    (isRoot ? ["root", "an ordinary user"] : ["an ordinary user"]).flatMap((user) =>
      [[], ["--contain"], ["--writable-tmpfs"], ["--pid"]].map((options, index) => ({ user, options, index })),
    ),
  )(
    "leaves no process when killed as $user with $options, and ends none of another run",
    async ({ user, options, index }) => {
      const home = await mkdtemp(join(tmpdir(), "sifon-killed-"));
      const copy = join(home, "image.sif");
      await copyFile(image, copy);
      await chmod(copy, 0o644);
      const ids = isRoot && user !== "root" ? { uid: ORDINARY_ID, gid: ORDINARY_ID } : {};
      if (ids.uid !== undefined) await chown(home, ids.uid, ids.gid);
      const start = (seconds: string) =>
        spawn(process.execPath, [SIFON_MAIN, "exec", ...options, copy, "sh", "-c", `sleep ${seconds}; :`], {
          ...{ cwd: home, env: { PATH: process.env.PATH, HOME: home }, stdio: "ignore", ...ids },
        });
      // Numbers of seconds that no other process sleeps for.
      const words = ["1", "2"].map((run) => `${process.pid}${user.length}${index}${run}`) as [string, string];
      const sleepers = async () =>
        (await Promise.all(words.map((seconds) => processesWith(`sleep\0${seconds}`)))).map((pids) => pids.length);
      const runs = words.map(start) as [ChildProcess, ChildProcess];
      try {
        await expect.poll(sleepers).toEqual([1, 1]);
        const started = await childrenOf(runs[0].pid as number);
        expect(started.length).toBeGreaterThan(1);
        runs[0].kill("SIGKILL");
        await expect.poll(sleepers).toEqual([0, 1]);
        // What Sifon itself had started is gone, too.
        await expect.poll(async () => (await Promise.all(started.map(isAlive))).includes(true)).toBe(false);
        expect(await sleepers()).toEqual([0, 1]);
      } finally {
        for (const run of runs) run.kill("SIGKILL");
        await expect.poll(sleepers).toEqual([0, 0]);
        await rm(home, { recursive: true, force: true });
      }
    },
  );

  it("runs a source: converted once, then found in the cache, also offline", async () => {
    const layout = join(folder, "layout");
    const { blobs, descriptor } = await makeImage({ diffIds: [], layers: [await busyboxLayer()] });
    await writeLayout(layout, blobs, [descriptor]);
    const env = { SIFON_CACHEDIR: join(folder, "cache") };
    const run = (...options: string[]) =>
      sifon(["exec", ...options, `oci:${layout}`, "echo", "ran"], { cwd: folder, env });
    const first = await run();
    expect(first).toMatchObject({ stdout: "ran\n", code: 0 });
    expect(first.stderr).not.toContain("Using cached SIF image");
    for (const options of [[], ["--offline"], ["--arch", "amd64"]]) {
      const again = await run(...options);
      expect(again).toMatchObject({ stdout: "ran\n", code: 0 });
      expect(again.stderr.match(/Using cached SIF image/g)).toHaveLength(1);
    }
  });
});

async function processesWith(words: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "")));
  return pids.filter((_, index) => lines[index]!.includes(words));
}

async function childrenOf(pid: number): Promise<string[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const children = await Promise.all(threads.map((task) => readFile(`/proc/${pid}/task/${task}/children`, "latin1")));
  return children.join(" ").split(" ").filter(Boolean);
}

/** A zombie that nobody waits for does not count. */
function isAlive(pid: string): Promise<boolean> {
  return readFile(`/proc/${pid}/stat`, "latin1").then(
    (stat) => !/\) Z /.test(stat),
    () => false,
  );
}
