import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findApptainer, runApptainer } from "../support/apptainer.ts";
import { mustSifon, sifon } from "../support/sifon.ts";
import { primaryPartition } from "../support/squashfs-mount.ts";
import { type Tree, treeOfImage } from "../support/squashfs-tree.ts";
import { requireTool } from "../support/tools.ts";

const DEFINITIONS = fileURLToPath(new URL("definitions/", import.meta.url));
const APPLETS = [
  ...["sh", "cat", "chmod", "echo", "env", "grep", "id", "ln", "ls", "mkdir", "mkfifo", "mv", "pwd", "rm", "test"],
  ...["touch", "true", "umask"],
];

const apptainer = findApptainer();
const busybox = requireTool("busybox", "busybox-static");
const ready = [apptainer, busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse")].every(Boolean);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-definitions-"));
  if (!ready) return;
  // Apptainer runs as an ordinary user here.
  await chmod(folder, 0o777);
  const root = join(folder, "root");
  for (const path of ["bin", "data/folder", "etc", "many", "usr/lib"])
    await mkdir(join(root, path), { recursive: true });
  await copyFile(busybox as string, join(root, "bin/busybox"));
  for (const name of APPLETS) await symlink("busybox", join(root, "bin", name));
  const texts = {
    "data/file": "file\n",
    "data/text": "text\n",
    "data/gone": "x",
    "data/moves": "m",
    "data/folder/x": "x",
  };
  for (const [path, text] of Object.entries(texts)) await writeFile(join(root, path), text);
  for (let i = 0; i < 20; i++) await writeFile(join(root, "many", `${i}`), `${i}`.repeat(5000));
  await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await mustSifon(["build", join(folder, "base.sif"), root]);
  await mkdir(join(folder, "files"));
  for (const name of ["one.txt", "two.txt", "with blank"]) await writeFile(join(folder, "files", name), `${name}\n`);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const argumentsOf = (output: string, definition: string) => [
  ...[
    "build",
    "-F",
    "--build-arg",
    `BASE=${join(folder, "base.sif")}`,
    "--build-arg",
    `FILES=${join(folder, "files")}`,
  ],
  ...["--warn-unused-build-args", output, definition],
];

function buildByApptainer(output: string, definition: string) {
  return runApptainer(apptainer as string, argumentsOf(output, definition), {
    cwd: folder,
    env: { LAB_USER: "1", TMPDIR: tmpdir() },
  });
}

/** Everything but times; sizes of texts that each program words in its own way. */
async function treeOf(sif: string): Promise<Tree> {
  const { offset, size } = await primaryPartition(sif);
  const bytes = (await readFile(sif)).subarray(offset, offset + size);
  const tree: Record<string, Tree[string]> = {};
  for (const [path, entry] of Object.entries(await treeOfImage(bytes))) {
    const isOwn =
      /^\.singularity\.d\/(actions\/|env\/|labels\.json|startscript|runscript|Singularity|bootstrap_history)/.test(
        path,
      );
    const isWorded = isOwn && !path.endsWith("91-environment.sh");
    const { mtimeSec: _, size: length, sha256, ...rest } = entry;
    tree[path] = { ...rest, ...(isWorded ? {} : { size: length, sha256 }) } as Tree[string];
  }
  return tree;
}

/** What `inspect --all` says, but for what tells of the very build. */
async function inspect(sif: string): Promise<unknown> {
  const { stdout } = await mustSifon(["inspect", "--all", sif]);
  const { attributes } = (JSON.parse(stdout) as { data: { attributes: Record<string, unknown> } }).data;
  const labels = Object.entries(attributes.labels as object).filter(([name]) => !/build-date|^sifon\./.test(name));
  const environment = Object.entries(attributes.environment as Record<string, string>).map(([path, text]) => [
    path,
    text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#")),
  ]);
  return {
    ...attributes,
    ...{ labels: Object.fromEntries(labels), environment: Object.fromEntries(environment) },
    startscript: undefined,
  };
}

describe.runIf(ready)("definitions with scripts", async () => {
  const names = (await readdir(DEFINITIONS)).sort();

  it.each(names)("%s: the tree and the metadata are Apptainer's", async (name) => {
    const definition = join(DEFINITIONS, name);
    await copyFile(definition, join(folder, name));
    const [ours, theirs] = [join(folder, `${name}.ours.sif`), join(folder, `${name}.theirs.sif`)];
    const built = buildByApptainer(theirs, join(folder, name));
    expect(built, built.stderr).toMatchObject({ status: 0 });
    await mustSifon(argumentsOf(ours, join(folder, name)));
    expect(await treeOf(ours)).toEqual(await treeOf(theirs));
    expect(await inspect(ours)).toEqual(await inspect(theirs));
  });

  it.each([
    ["%pre", "exit 3"],
    ["%setup", "exit 3"],
    ["%post", "exit 3"],
    ["%post", "false"],
    ["%test", "exit 4"],
    ["%post", "kill -9 $$"],
    ["%files", "/nonexist /x"],
  ])("%s %s: ends as Apptainer's, and leaves nothing", async (section, line) => {
    const definition = join(folder, "failing.def");
    await writeFile(definition, `Bootstrap: localimage\nFrom: {{ BASE }}\n\n${section}\n    ${line}\n`);
    const temporary = await mkdtemp(join(tmpdir(), "sifon-definitions-tmp-"));
    try {
      const theirs = buildByApptainer(join(folder, "failing.sif"), definition);
      const ours = await sifon(argumentsOf(join(folder, "failing.sif"), definition), { env: { TMPDIR: temporary } });
      expect(ours.code).toBe(theirs.status);
      if (section !== "%files") expect(fatal(ours.stderr)).toBe(fatal(theirs.stderr));
      expect(await readdir(temporary)).toEqual([]);
      expect((await readdir(folder)).filter((name) => name.includes("failing.sif"))).toEqual([]);
    } finally {
      await rm(temporary, { recursive: true });
    }
  });
});

function fatal(stderr: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Apptainer colours its words.
  return /FATAL: .*/.exec(stderr.replace(/\u001b\[\d*m/g, ""))?.[0] ?? stderr;
}
