import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RootSource, RootStep } from "../../src/build/root.ts";
import { buildStageWithScripts } from "../../src/build/scripted-stage.ts";
import { type ImageForm, type StageOptions, streamStage } from "../../src/build/stage.ts";
import { stageImageRoot, writeStageImage } from "../../src/build/stage-image.ts";
import type { App, Script, Stage } from "../../src/deffile/definition.ts";
import { InodeKind } from "../../src/fstree/inodes.ts";
import { resolvePath } from "../../src/fstree/resolve.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { buildImage, type Items, noise } from "../squashfs/writer/image-builder.ts";
import { type Tree, treeOfImage } from "../support/squashfs-tree.ts";
import { requireTool } from "../support/tools.ts";

const FORM: ImageForm = { compression: { kind: "gzip", level: "default" }, blockSize: 131_072, workers: 0 };
const FACTS = { timeSec: 1, identity: "x", architecture: "amd64", ociConfigJson: undefined, origin: undefined };
const APPLETS = [
  "sh",
  "cat",
  "chmod",
  "chown",
  "env",
  "grep",
  "id",
  "kill",
  "ln",
  "ls",
  "mkdir",
  "mkfifo",
  "mknod",
  "mv",
  "rm",
  "sleep",
  "stat",
  "touch",
  "true",
];
const dir = { kind: "directory" } as const;
const text = (content: string, mode = 0o755) => ({ kind: "file", mode, content: Buffer.from(content) }) as const;

const busybox = requireTool("busybox", "busybox-static");
const ready = [
  busybox,
  requireTool("bwrap", "bubblewrap"),
  requireTool("squashfuse", "squashfuse"),
  requireTool("tar"),
].every(Boolean);

async function baseItems(): Promise<Items> {
  return {
    ".singularity.d": dir,
    ".singularity.d/env": dir,
    ".singularity.d/env/10-docker2singularity.sh": text(
      `#!/bin/sh\nexport PATH="/opt/x:/bin"\nexport LANG="\${LANG:-"de"}"\n`,
    ),
    ".singularity.d/env/20-broken.sh": text('export BROKEN=1\nif "\n'),
    ".singularity.d/env/90-environment.sh": text("#!/bin/sh\n"),
    ".singularity.d/env/91-old.sh": text('export OLD="it\'s"\n'),
    bin: dir,
    "bin/busybox": { kind: "file", mode: 0o755, content: await readFile(busybox as string) },
    ...Object.fromEntries(APPLETS.map((name) => [`bin/${name}`, { kind: "symlink", target: "busybox" } as const])),
    data: dir,
    "data/noise": { kind: "file", mode: 0o644, content: noise(300_000, 1) },
    "data/linked": { linkTo: "data/noise" },
    "data/gone": { kind: "file", mode: 0o644, content: noise(200_000, 2) },
    "data/owned": { kind: "file", mode: 0o640, uid: 5, gid: 6, content: Buffer.from("owned") },
    "data/folder": dir,
    "data/folder/x": text("x"),
    dev: dir,
    etc: dir,
    "etc/hosts": text("", 0o644),
    "etc/resolv.conf": text("", 0o644),
    "etc/passwd": text("root:x:0:0:root:/root:/bin/sh\n", 0o644),
    proc: dir,
    root: dir,
    sys: dir,
    tmp: dir,
    var: dir,
    "var/tmp": { kind: "symlink", target: "/tmp" },
  };
}

let folder: string;
const events: ProgressEvent[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-scripted-"));
  await mkdir(join(folder, "work"));
  events.length = 0;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const script = (body: string, args = ""): Script => ({ line: 1, arguments: args, text: body });
const stageOf = (parts: Partial<Stage>): Stage => ({
  ...{ index: 0, name: undefined, header: new Map(), scripts: {}, labels: [], files: [], apps: [] },
  ...parts,
});

async function openBase(): Promise<RootSource> {
  const path = join(folder, "base");
  const { bytes } = await buildImage(await baseItems(), { blockSize: FORM.blockSize });
  await (await import("node:fs/promises")).writeFile(path, bytes);
  return stageImageRoot({ path, facts: FACTS });
}

interface Built {
  readonly tree: Tree;
  readonly size: number;
  readonly read: (path: string) => Promise<string>;
}

async function build(
  stage: Partial<Stage>,
  more: Partial<StageOptions> & { files?: RootStep; texts?: RootStep } = {},
): Promise<Built> {
  const { files = async () => {}, texts = async () => {}, ...options } = more;
  const out = join(folder, "out");
  const all: StageOptions = {
    ...{ form: FORM, test: true, force: false, workplace: join(folder, "work"), environment: process.env, output: 2 },
    ...{ signal: new AbortController().signal, onProgress: (event: ProgressEvent) => void events.push(event) },
    ...options,
  };
  const request = {
    definition: { name: "x.def", stages: [], text: "" },
    stage: stageOf(stage),
    openBase,
    files,
    texts,
    options: all,
  };
  const root = await buildStageWithScripts(request);
  try {
    const { size } = await writeStageImage(root, out, all);
    const { SquashfsImage } = await import("../../src/squashfs/reader/image.ts");
    const { openFileAccess } = await import("../../src/bytes/random-access.ts");
    const read = async (path: string) => {
      const access = await openFileAccess(out);
      const content = await (await SquashfsImage.open(access)).readWhole(path);
      await access.close();
      return Buffer.from(content).toString();
    };
    return { tree: await treeOfImage(out), size, read };
  } finally {
    await root.close();
  }
}

/** What a build has left in its workplace. */
const left = async () => (await readdir(join(folder, "work"))).filter((name) => name.startsWith("root-"));

describe.runIf(ready)("buildStageWithScripts()", () => {
  it("keeps what %post changed, and the base's blocks", async () => {
    const { tree, size } = await build({
      scripts: {
        post: script(`
          echo new > /new
          ln /new /data/new-link
          rm /data/gone
          rm -r /data/folder && mkdir /data/folder && echo y > /data/folder/y
          mkdir -p /deep/er && touch /deep/er/file
          ln -s /new /data/symlink
          mkfifo /fifo
          chmod 4711 /data/owned
          mv /data/linked /moved
        `),
      },
    });
    expect(tree).not.toHaveProperty(["data/gone"]);
    expect(tree).not.toHaveProperty(["data/folder/x"]);
    expect(tree).not.toHaveProperty([".post.script"]);
    expect(tree["data/folder/y"]).toMatchObject({ kind: "file", size: 2 });
    expect(tree.new).toMatchObject({ uid: 0, gid: 0, mode: "0664", linkedWith: "data/new-link" });
    expect(tree["deep/er"]).toMatchObject({ kind: "directory", mode: "0775" });
    expect(tree["data/symlink"]).toMatchObject({ target: "/new" });
    expect(tree.fifo).toMatchObject({ kind: "fifo" });
    expect(tree["data/owned"]).toMatchObject({ mode: "4711", uid: 5, gid: 6, size: 5 });
    expect(tree.moved?.sha256).toBe(tree["data/noise"]?.sha256);
    for (const entry of Object.values(tree)) expect(JSON.stringify(entry.xattrs ?? {})).not.toContain("overlay");
    // 300,000 bytes of noise twice, as moving copied them up; what was deleted is gone.
    expect(size).toBeLessThan(300_000 * 2 + 1_500_000);
    expect(await left()).toEqual([]);
  });

  it("gives %post a clean environment with what the image sets, and places for variables and labels", async () => {
    const { read } = await build(
      {
        scripts: {
          post: script(
            'env > /env; pwd > /pwd; id -u > /id; cat /etc/hosts > /seen-hosts; echo "k v" >> $APPTAINER_LABELS; echo "export B=1" >> $SINGULARITY_ENVIRONMENT',
          ),
        },
      },
      { environment: { ...process.env, SECRET: "s", TERM: "vt100", http_proxy: "http://it's" } },
    );
    const env = Object.fromEntries((await read("env")).split("\n").map((line) => line.split(/=(.*)/s).slice(0, 2)));
    expect(env).toMatchObject({
      PATH: "/opt/x:/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin",
      ...{ HOME: "/root", LANG: "de", TERM: "vt100", http_proxy: "http://it's", OLD: "it's", PWD: "/" },
      ...{ APPTAINER_ENVIRONMENT: "/.singularity.d/env/91-environment.sh", SINGULARITY_LABELS: "/.build.labels" },
    });
    expect(env).not.toHaveProperty("SECRET");
    expect(env).not.toHaveProperty("BROKEN");
    expect([await read("pwd"), await read("id")]).toEqual(["/\n", "0\n"]);
    expect(await read("seen-hosts")).toBe(`${await readFile("/etc/hosts", "utf8")}\n`);
    expect(await read("etc/hosts")).toBe("");
    expect(await read(".build.labels")).toBe("k v\n");
    expect(await read(".singularity.d/env/91-environment.sh")).toBe("export B=1\n");
  });

  it("runs sections in their order, and apps' installs in their folders", async () => {
    const app: App = {
      ...{ name: "foo", line: 1, labels: [], files: [] },
      scripts: { install: script("echo app $PWD $SCIF >> /log") },
    };
    const put =
      (name: string): RootStep =>
      async ({ tree }, { contents }) => {
        const content = Buffer.from(`echo ${name}\n`);
        const inode = tree.inodes.add({
          ...{ kind: InodeKind.file, mode: 0o755, uid: 0, gid: 0, mtimeSec: 1, size: content.length },
          content: await contents.add(content.length, content),
        });
        tree.add(resolvePath(tree, ""), name, inode);
      };
    const log = join(folder, "log");
    const { tree, read } = await build(
      {
        scripts: {
          pre: script(`echo pre $APPTAINER_ROOTFS > ${log}; umask >> ${log}`),
          setup: script(
            `touch $SINGULARITY_ROOTFS/by-setup; mkdir -p $APPTAINER_ROOTFS/scif/apps/foo/scif/env; echo 'SCIF=foo' > $APPTAINER_ROOTFS/scif/apps/foo/scif/env/01-base.sh; echo setup >> ${log}`,
          ),
          post: script(". /by-files; test -e /by-setup; ! test -e /by-texts; echo post > /log"),
        },
        apps: [app],
      },
      { files: put("by-files"), texts: put("by-texts") },
    );
    expect(Object.keys(tree)).toEqual(expect.arrayContaining(["by-setup", "by-files", "by-texts"]));
    expect(await read("log")).toBe("post\napp /scif/apps/foo foo\n");
    expect(await readFile(log, "utf8")).toMatch(/^pre .*rootfs.*\n0002\nsetup\n$/);
    expect(events.filter((event) => event.kind === "script")).toEqual(
      ["pre", "setup", "post"].map((section) => ({ kind: "script", section })),
    );
  });

  it("runs %test over the finished container, which it cannot change", async () => {
    const putTest: RootStep = async ({ tree }, { contents }) => {
      const content = Buffer.from(
        '#!/bin/sh\n\nenv > /tmp/$MARK; touch /written && exit 9; test "$OLD" = "it\'s" && test "$FROM_HOST" = "a b" && exit 4\n',
      );
      const inode = tree.inodes.add({
        ...{ kind: InodeKind.file, mode: 0o755, uid: 0, gid: 0, mtimeSec: 1, size: content.length },
        content: await contents.add(content.length, content),
      });
      tree.add(resolvePath(tree, ".singularity.d"), "test", inode);
    };
    const environment = { ...process.env, FROM_HOST: "a b", MARK: `sifon-mark-${process.pid}` };
    const failing = build(
      { scripts: { post: script("true"), test: script("unused") } },
      { texts: putTest, environment },
    );
    await expect(failing).rejects.toMatchObject({
      code: "SCRIPT_FAILED",
      message: "failed to execute %test script: exit status 4",
    });
    expect(await left()).toEqual([]);
    const skipped = await build(
      { scripts: { post: script("true"), test: script("unused") } },
      { texts: putTest, environment, test: false },
    );
    expect(skipped.tree).toHaveProperty([".singularity.d/test"]);
    await rm(join("/tmp", environment.MARK));
  });

  it.each([
    ["pre", "failed to run %pre script: exit status 3"],
    ["setup", "failed to run %setup script: exit status 3"],
    ["post", "while running engine: while running %post section: exit status 3"],
  ] as const)("tells how %s failed, and leaves nothing", async (section, message) => {
    const failing = build({ scripts: { [section]: script("true\nexit 3\necho never") } });
    await expect(failing).rejects.toMatchObject({ code: "SCRIPT_FAILED", message });
    expect(await left()).toEqual([]);
  });

  it("stops at the first command of %post that fails", async () => {
    await expect(build({ scripts: { post: script("false\ntrue") } })).rejects.toMatchObject({
      message: /exit status 1(27)?$/,
    });
  });

  it("runs %post by another program", async () => {
    const { read } = await build({ scripts: { post: script('echo "$0" > /shell', "-c /bin/busybox sh -e") } });
    expect(await read("shell")).toBe("/.post.script\n");
  });

  it("ends %post when it is aborted, with what it started, and removes all", async () => {
    const abort = new AbortController();
    const mark = join("/tmp", `sifon-abort-${process.pid}`);
    const building = build(
      { scripts: { post: script(`(sleep 300; touch ${mark}) & touch ${mark}.begun; sleep 300`) } },
      { signal: abort.signal },
    );
    building.catch(() => {});
    for (;;) {
      if ((await readdir("/tmp")).includes(`sifon-abort-${process.pid}.begun`)) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    abort.abort(new Error("enough"));
    await expect(building).rejects.toThrow("enough");
    await rm(`${mark}.begun`);
    expect(await left()).toEqual([]);
    expect(await readFile("/proc/self/mounts", "utf8")).not.toContain(folder);
  });

  it("leaves stages without scripts to the stream", async () => {
    const root = await streamStage({
      definition: { name: "x.def", stages: [], text: "" },
      ...{ stage: stageOf({}), openBase, files: async () => {}, texts: async () => {} },
      options: {
        form: FORM,
        test: true,
        force: false,
        workplace: folder,
        environment: {},
        signal: new AbortController().signal,
        onProgress() {},
      },
    });
    const { size } = await writeStageImage(root, join(folder, "out"), {
      form: FORM,
      signal: new AbortController().signal,
      onProgress() {},
    });
    expect(size).toBeGreaterThan(500_000);
  });
});
