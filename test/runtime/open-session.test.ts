import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { probeHost } from "../../src/runtime/engine/host.ts";
import { openSession } from "../../src/runtime/engine/open-session.ts";
import type { Overlay, ProgramPlan, RootImage, SessionPlan } from "../../src/runtime/engine/plan.ts";
import type { EngineSession, ProgramStreams } from "../../src/runtime/engine/session.ts";
import { busybox, busyboxLayer, rootImageOf } from "../support/runnable-image.ts";
import { makeSif } from "../support/small-sif.ts";
import { requireTool } from "../support/tools.ts";

const ready = [busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse")].every(
  (tool) => tool !== undefined,
);
const isRoot = process.getuid?.() === 0;
const NOTHING: Overlay = { kind: "none" };

describe.skipIf(!ready)("openSession()", () => {
  let folder: string;
  let image: RootImage;
  const open: EngineSession[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-engine-"));
    const sif = join(folder, "image.sif");
    await makeSif(sif, {
      layers: [
        await busyboxLayer({ "opt/": {}, "opt/own": { content: "own", mode: 0o600 }, "gone/a": { content: "a" } }),
      ],
    });
    image = await rootImageOf(sif);
  });
  afterAll(async () => {
    for (const session of open) await session.close();
    await rm(folder, { recursive: true, force: true });
  });

  const plan = (more: Partial<SessionPlan> = {}): SessionPlan => ({
    ...{ image, overlay: NOTHING, ids: "self", scratchDirectory: tmpdir() },
    ...more,
  });
  async function session(more: Partial<SessionPlan> = {}): Promise<EngineSession> {
    const opened = await openSession(plan(more));
    open.push(opened);
    return opened;
  }
  const program = (script: string, more: Partial<ProgramPlan> = {}): ProgramPlan => ({
    ...{ mounts: [], namespaces: {}, command: ["sh", "-c", script], cwd: "/", environment: { PATH: "/bin" } },
    ...more,
  });
  async function said(
    running: ReturnType<EngineSession["runInside"]>,
  ): Promise<{ readonly end: unknown; readonly out: string; readonly err: string }> {
    const [out, err, end] = await Promise.all([text(running.stdout!), text(running.stderr!), running.ended]);
    return { end, out, err };
  }
  const PIPES: ProgramStreams = { stdio: ["ignore", "pipe", "pipe"] };

  it.each([
    ["exit 0", { kind: "exit", code: 0 }],
    ["exit 42", { kind: "exit", code: 42 }],
    ["exit 255", { kind: "exit", code: 255 }],
    ["kill -9 $$", { kind: "signal", signal: "SIGKILL" }],
    ["kill -15 $$", { kind: "signal", signal: "SIGTERM" }],
  ])("tells how a program ended: %s", async (script, end) => {
    const opened = await session();
    expect((await said(opened.runInside(program(script), PIPES))).end).toEqual(end);
  });

  it("gives the program the environment, the folder and the ids that were asked for, and nothing else", async () => {
    const hostile = { PATH: "/bin", A: "b c\n'\"$x`", LD_PRELOAD: "/nowhere.so", EMPTY: "" };
    const opened = await session();
    const { out } = await said(
      opened.runInside(
        program("pwd; id -u; cat /proc/self/environ | tr '\\000' '|'", {
          ...{ cwd: "/opt", environment: hostile },
          mounts: [{ kind: "bind", source: "/proc", target: "/proc" }],
        }),
        PIPES,
      ),
    );
    const [cwd, uid, ...environment] = out.split("\n");
    expect([cwd, uid]).toEqual(["/opt", String(process.getuid?.())]);
    const words = environment
      .join("\n")
      .split("|")
      .filter((word) => !/^(PWD|SHLVL|OLDPWD|_)=/.test(word));
    expect(words.sort()).toEqual(["", ...Object.entries(hostile).map(([name, value]) => `${name}=${value}`)].sort());
  });

  it("leaves the root as it is without an overlay, and files of root readable for the caller", async () => {
    const opened = await session();
    const { out, err } = await said(opened.runInside(program("cat /opt/own; touch /x; touch /opt/x"), PIPES));
    expect(out).toBe("own");
    expect(err.match(/Read-only file system/g)).toHaveLength(2);
  });

  it("makes mount points that the image lacks, without a change to folders that it has", async () => {
    const points = [
      { path: "/opt/a/b c", kind: "directory" },
      { path: "/new/it's", kind: "file" },
    ] as const;
    const opened = await session({ overlay: { kind: "mount-points", points } });
    const source = join(folder, "source");
    await mkdir(source, { recursive: true });
    await writeFile(join(source, "file"), "bound");
    const { out, err } = await said(
      opened.runInside(
        program("cat '/opt/a/b c/file' \"/new/it's\" /opt/own; touch /opt/x", {
          mounts: [
            { kind: "bind", source, target: "/opt/a/b c" },
            { kind: "bind", source: join(source, "file"), target: "/new/it's" },
          ],
        }),
        PIPES,
      ),
    );
    expect(out).toBe("boundboundown");
    expect(err).toMatch(/Read-only file system/);
  });

  it("keeps what is written in memory for the session: its programs and the host's see it", async () => {
    const opened = await session({ overlay: { kind: "memory", sizeMiB: 8 } });
    expect((await said(opened.runInside(program("echo hello >/opt/new; rm -r /gone"), PIPES))).err).toBe("");
    expect((await said(opened.runInside(program("cat /opt/new; ls -d /gone"), PIPES))).out).toBe("hello\n");
    const seen = await said(
      opened.runHost(
        [
          "/bin/sh",
          "-c",
          `cat ${opened.upperPath}/opt/new; stat -c '%F %t:%T' ${opened.upperPath}/gone; ls ${opened.rootPath}`,
        ],
        PIPES,
      ),
    );
    expect(seen.out).toMatch(/^hello\ncharacter special file 0:0\n/);
    expect(seen.out).not.toMatch(/^gone$/m);
  });

  it("refuses more than the memory that was granted", async () => {
    const opened = await session({ overlay: { kind: "memory", sizeMiB: 1 } });
    const { err } = await said(
      opened.runInside(
        program("dd if=/bin/busybox of=/big bs=1M count=1 2>/dev/null; cat /bin/busybox /bin/busybox >/big2"),
        PIPES,
      ),
    );
    expect(err).toMatch(/No space left/);
  });

  it("writes into the directories of an overlay, which later sessions go on with", async () => {
    const upper = join(folder, "over", "upper");
    const overlay: Overlay = { kind: "directories", upper, work: join(folder, "over", "work") };
    await mkdir(upper, { recursive: true });
    await mkdir(overlay.work);
    const first = await session({ overlay });
    await said(first.runInside(program("echo one >/etc/one"), PIPES));
    await first.close();
    expect(await readFile(join(upper, "etc/one"), "utf8")).toBe("one\n");
    const second = await session({ overlay });
    const { out, err } = await said(second.runInside(program("cat /etc/one; echo two >/etc/two"), PIPES));
    expect({ out, err }).toEqual({ out: "one\n", err: "" });
    expect(await readFile(join(upper, "etc/two"), "utf8")).toBe("two\n");
  });

  it("takes a directory as the root, read-only or not", async () => {
    const path = join(folder, "sandbox");
    await mkdir(join(path, "bin"), { recursive: true });
    await writeFile(join(path, "bin/busybox"), await readFile(busybox!), { mode: 0o755 });
    const script = (what: string) => program("", { command: ["/bin/busybox", "sh", "-c", what] });
    const closed = await session({ image: { kind: "directory", path } });
    expect((await said(closed.runInside(script("echo x >/new"), PIPES))).err).toMatch(/Read-only file system/);
    const writable = await session({ image: { kind: "directory", path }, overlay: { kind: "none", writable: true } });
    expect((await said(writable.runInside(script("echo x >/new"), PIPES))).err).toBe("");
    expect(await readFile(join(path, "new"), "utf8")).toBe("x\n");
  });

  it("makes files, empty folders, a new /dev and namespaces", async () => {
    const opened = await session({
      overlay: { kind: "mount-points", points: [{ path: "/scratch", kind: "directory" }] },
    });
    const script =
      "cat /etc/passwd; ls -A /scratch | wc -l; echo x >/scratch/x && echo y >/dev/null && ls /dev/tty >/dev/null; hostname; ls /proc | grep -c '^[0-9]'; ls /proc/sys/net/ipv4/conf | tr '\\n' ' '";
    const { out, err } = await said(
      opened.runInside(
        program(script, {
          mounts: [
            { kind: "file", target: "/etc/passwd", content: Buffer.from("made\n") },
            { kind: "tmpfs", target: "/scratch", sizeMiB: 4 },
            { kind: "dev", target: "/dev" },
            { kind: "proc", target: "/proc" },
          ],
          namespaces: { pid: true, uts: true, net: true, ipc: true },
          hostname: "inside",
        }),
        PIPES,
      ),
    );
    expect(err).toBe("");
    expect(out).toMatch(/^made\n0\ninside\n[1-6]\nall default lo $/);
  });

  it("makes the caller root where that is asked for", async () => {
    const opened = await session({ ids: "root", overlay: { kind: "memory", sizeMiB: 8 } });
    const { out } = await said(opened.runInside(program("id -u; touch /x; stat -c %u /x"), PIPES));
    expect(out).toBe("0\n0\n");
    expect(opened.ids).toBe(isRoot ? "self" : "root");
  });

  it("sends signals to the program itself, in a PID namespace as well", async () => {
    for (const pid of [false, true]) {
      const opened = await session();
      const running = opened.runInside(
        program("trap 'echo caught; exit 7' USR1; echo up; while :; do sleep 0.05; done", { namespaces: { pid } }),
        PIPES,
      );
      const out = text(running.stdout!);
      await once(running.stdout!, "readable");
      running.kill("SIGUSR1");
      expect(await running.ended).toEqual({ kind: "exit", code: 7 });
      expect(await out).toBe("up\ncaught\n");
    }
  });

  it.each([
    ["exit 0", {}, { kind: "exit", code: 0 }],
    ["exit 143", {}, { kind: "exit", code: 143 }],
    ["kill -15 $$", {}, { kind: "signal", signal: "SIGTERM" }],
    ["kill -9 $$", { ipc: true, net: true, uts: true }, { kind: "signal", signal: "SIGKILL" }],
    // The shell that waits for it tells an exit code.
    ["kill -9 $$", { pid: true }, { kind: "exit", code: 137 }],
    ["exit 42", { pid: true }, { kind: "exit", code: 42 }],
  ] as const)(
    "tells how a program that is a child of ours ended: %s, namespaces %j",
    async (script, namespaces, end) => {
      const opened = await session();
      const running = await opened.runAsChild(program(script, { namespaces }), PIPES);
      expect(await said(running)).toEqual({ end, out: "", err: "" });
    },
  );

  it.each([{ pid: false }, { pid: true }])(
    "lets a child of ours have its environment, its folder, its ids and no descriptor more: %j",
    async (namespaces) => {
      const opened = await session();
      const mounts = [{ kind: namespaces.pid ? "proc" : "bind", source: "/proc", target: "/proc" }] as const;
      const running = await opened.runAsChild(
        program("pwd; id -u; tr '\\000' '\\n' </proc/$$/environ; ls /proc/self/fd", {
          ...{ namespaces, cwd: "/opt", environment: { PATH: "/bin", A: "b c\n'\"$x`", "ODD.NAME": "kept" } },
          mounts,
        }),
        PIPES,
      );
      const { out, err } = await said(running);
      expect(err).toBe("");
      // The last one is the folder that ls reads; larger ones are what the caller of the tests left open.
      const all = ["/opt", process.getuid?.(), "PATH=/bin", "A=b c", "'\"$x`", "ODD.NAME=kept", 0, 1, 2, 3];
      const shown = out.split("\n").filter((line) => !/^\d{2,}$/.test(line));
      expect(shown.sort()).toEqual(["", ...all.map(String)].sort());
    },
  );

  it.each([{ pid: false }, { pid: true }])(
    "shows nobody the variables of a child of ours in the list of processes: %j",
    async (namespaces) => {
      const opened = await session();
      const environment = { PATH: "/bin", TOKEN: "for-the-program-alone" };
      const running = await opened.runAsChild(program("echo up; read line; echo $TOKEN", { namespaces, environment }), {
        stdio: "pipe",
      });
      const out = running.stdout!.setEncoding("utf8");
      expect(String(await once(out, "data"))).toBe("up\n");
      const lines = commandLines().filter((line) => line.includes("read line; echo $TOKEN"));
      expect(lines.length).toBeGreaterThan(0);
      expect(lines.filter((line) => line.includes("for-the-program-alone"))).toEqual([]);
      running.stdin!.end("\n");
      expect(await text(out)).toBe("for-the-program-alone\n");
      await running.ended;
    },
  );

  it("names what of a container could not be set up", async () => {
    const opened = await session();
    const mounts = [{ kind: "bind", source: "/nonexistent", target: "/opt" }] as const;
    await expect(opened.runAsChild(program("true", { mounts }), PIPES)).rejects.toMatchObject({
      code: "SETUP_FAILED",
      message: expect.stringContaining("/nonexistent"),
    });
  });

  it.each([
    [
      { PATH: "/bin", BIG: "x".repeat(200_000) },
      /the variable "BIG" has 200,005 bytes, and the kernel takes [\d,]+ bytes in one/,
    ],
    [
      Object.fromEntries(Array.from({ length: 70 }, (_, index) => [`V${index}`, "x".repeat(100_000)])),
      /environment \(7,000,\d+ bytes\) take more than the [\d,]+ bytes .* ulimit -s/,
    ],
  ])("says which arguments were too long, and what to do", async (environment, message) => {
    const opened = await session();
    await expect(opened.runAsChild(program("true", { environment }), PIPES)).rejects.toMatchObject({
      code: "ARGUMENTS_TOO_LONG",
      message: expect.stringMatching(message),
    });
  });

  it("ends what a program left in the background", async () => {
    const opened = await session();
    const { out } = await said(
      opened.runInside(program("sleep 610 & trap '' TERM; (sleep 620; sleep 630) & echo $!"), PIPES),
    );
    // A signal that has been sent takes a moment.
    await expect.poll(() => isAlive(Number(out))).toBe(false);
  });

  it("leaves no mount and no process when Sifon is killed", async () => {
    const source = new URL("../../dist/index.js", import.meta.url).href;
    const child = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `
      import { openSession } from ${JSON.stringify(source)};
      const session = await openSession(${JSON.stringify(plan({ overlay: { kind: "memory", sizeMiB: 8 } }))});
      session.runInside(${JSON.stringify(program("echo $$; exec sleep 640"))});
    `,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    const [line] = (await once(child.stdout!.setEncoding("utf8"), "data")) as [string];
    const pid = Number(line);
    const alive = () => isAlive(pid);
    expect(await alive()).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    await expect.poll(alive).toBe(false);
    // FUSE daemons and loop devices go with the namespaces, a moment after.
    const users = async () =>
      (
        await said(
          (
            await session()
          ).runHost(
            [
              "/bin/sh",
              "-c",
              `grep -l '${folder}/image.sif' /proc/[0-9]*/cmdline 2>/dev/null | wc -l; grep -c '^/dev/loop.* ${folder}' /proc/mounts`,
            ],
            PIPES,
          ),
        )
      ).out;
    expect(await users()).toMatch(/^\d+\n0\n$/);
    expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain("/.sifon");
  });

  it.each([
    ["bwrap", "bubblewrap"],
    ["nsenter", "util-linux"],
    ["mount", "mount"],
  ] as const)("names the package where %s is missing", async (tool, packageName) => {
    const { [tool]: _, ...tools } = probeHost().tools;
    const opening = openSession(plan({ overlay: { kind: "memory", sizeMiB: 1 } }), { host: { ...probeHost(), tools } });
    await expect(opening).rejects.toMatchObject({
      code: "TOOL_MISSING",
      message: expect.stringContaining(packageName),
    });
  });

  it("says what an ordinary user needs where /dev/fuse is closed", async () => {
    const host = { ...probeHost(), uid: 1234, fuseDevice: false };
    await expect(openSession(plan(), { host })).rejects.toMatchObject({ code: "FUSE_UNAVAILABLE" });
  });

  it("says what was wrong with an image that cannot be mounted", async () => {
    const file = join(folder, "no.squashfs");
    await writeFile(file, Buffer.alloc(8192));
    const opening = openSession(plan({ image: { kind: "squashfs", file, offset: 0, size: 8192 } }));
    await expect(opening).rejects.toMatchObject({ code: "MOUNT_FAILED", message: expect.stringContaining(file) });
  });
});

/** What every user reads of the processes that there are. */
function commandLines(): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1");
    } catch {
      // It has ended.
      return [];
    }
  });
}

/** False for a zombie, too: whoever should have waited for it is a program of the container. */
function isAlive(pid: number): Promise<boolean> {
  return readFile(`/proc/${pid}/stat`, "utf8").then(
    (stat) => !/\) Z /.test(stat),
    () => false,
  );
}
