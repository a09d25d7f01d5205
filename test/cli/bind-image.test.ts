import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RootImage } from "../../src/runtime.ts";
import { busybox, busyboxLayer, rootImageOf } from "../support/runnable-image.ts";
import { mustSifon, sifon } from "../support/sifon.ts";
import { makeSif } from "../support/small-sif.ts";
import { requireTool } from "../support/tools.ts";

const ready = [busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse")].every(
  (tool) => tool !== undefined,
);
const isRoot = process.getuid?.() === 0;

describe.skipIf(!ready)("--bind and --mount with image-src", () => {
  let folder: string;
  let image: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-bind-image-"));
    image = join(folder, "image.sif");
    const files = {
      "data/": {},
      "data/file": { content: "of the image\n" },
      "data/program": { content: "#!/bin/sh\necho ran in $(pwd)\n", mode: 0o755 },
      "absolute link": { linkTo: "/data/file" },
      outside: { linkTo: `../../../..${folder}` },
    };
    await makeSif(image, { layers: [await busyboxLayer(files)], config: { Env: ["PATH=/bin"] } });
    const { offset, size } = (await rootImageOf(image)) as RootImage & { kind: "squashfs" };
    await writeFile(join(folder, "files.sqfs"), (await readFile(image)).subarray(offset, offset + size));
    const superblock = Buffer.alloc(4096);
    superblock.writeUInt16LE(0xef53, 1080);
    await writeFile(join(folder, "ext3.img"), superblock);
    for (const [sif, fsType, content] of [
      ["data.sif", "1", "files.sqfs"],
      ["ext3.sif", "2", "ext3.img"],
      ["raw.sif", "4", "ext3.img"],
    ] as const) {
      await copyFile(image, join(folder, sif));
      const words = ["--datatype", "4", "--partfs", fsType, "--parttype", "3", "--partarch", "2"];
      await mustSifon(["sif", "add", ...words, join(folder, sif), join(folder, content)]);
    }
    await writeFile(join(folder, "plain"), "no image");
    await writeFile(join(folder, "secret.sqfs"), "hsqs");
    await chmod(join(folder, "secret.sqfs"), 0);
    await mkdir(join(folder, "directory"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const exec = (bind: readonly string[], ...command: string[]) =>
    sifon(["exec", ...bind, image, ...command], { cwd: folder });
  const READ_ONLY = /^WARNING: Data image \S+files\.sqfs is not writable, proceeding with read-only\n$/;

  it.each([
    ["-B", "files.sqfs:/mnt/new:image-src=/data,ro", ["cat", "/mnt/new/file"], "of the image\n"],
    ["-B", "files.sqfs:/etc/passwd:image-src=/data/file,ro", ["cat", "/etc/passwd"], "of the image\n"],
    ["-B", "data.sif:/mnt:image-src=/data,ro", ["cat", "/mnt/file"], "of the image\n"],
    ["--mount", "type=bind,src=data.sif,dst=/mnt,id=4,ro", ["cat", "/mnt/data/file"], "of the image\n"],
    // Apptainer takes the link for a path of the host.
    ["-B", "files.sqfs:/mnt/f:image-src=/absolute link,ro", ["cat", "/mnt/f"], "of the image\n"],
    // Programs are looked up in what is bound.
    ["-B", "files.sqfs:/opt:image-src=/data,ro", ["/opt/program"], undefined],
  ])("%s %s: %j", async (option, bind, command, stdout) => {
    const result = await exec([option, bind], ...command);
    expect(result).toMatchObject({ code: 0, stderr: "", stdout: stdout ?? expect.stringMatching(/^ran in /) });
  });

  it("is read-only, and says so where that was not asked for", async () => {
    const result = await exec(["-B", "files.sqfs:/mnt:image-src=/data"], "touch", "/mnt/file");
    expect(result).toMatchObject({ code: 1, stderr: expect.stringContaining("/mnt/file: Read-only file system\n") });
    expect((await exec(["-B", "files.sqfs:/mnt:image-src=/data"], "true")).stderr).toMatch(READ_ONLY);
  });

  it.each([
    ["image.sif:/mnt:image-src=/", /no data partition found in .*image\.sif\n$/],
    ["data.sif:/mnt:id=1", /no data partition found in .*data\.sif\n$/],
    ["files.sqfs:/mnt:image-src=/none,ro", /: \/none doesn't exist in image .*files\.sqfs\n$/],
    // What a link names outside the image is not in it.
    ["files.sqfs:/mnt:image-src=/outside,ro", /: \/outside doesn't exist in image .*files\.sqfs\n$/],
    [
      "files.sqfs:/etc/passwd:image-src=/data,ro",
      /\/etc\/passwd in the container is no directory, \/data of .* is one\n$/,
    ],
    ["none:/mnt:image-src=/", /failed to retrieve path for .*none: no such file or directory\n$/],
    ["directory:/mnt:image-src=/", /could not use .*directory for image binding: not supported image format\n$/],
    ["plain:/mnt:image-src=/", /image format not recognized; SIFs and SquashFS files are\n$/],
    ["/dev/null:/mnt:image-src=/", /image format not recognized\n$/],
    ["ext3.img:/mnt:image-src=/", /ext3\.img holds an ext3 file system.*e2fsprogs.*--engine apptainer\n$/],
    ["ext3.sif:/mnt:image-src=/", /object \d+ of .*ext3\.sif holds an ext3 file system.*sifon sif dump \d+ .*\n$/],
    ["raw.sif:/mnt:image-src=/,ro", /Raw/],
    ...(isRoot
      ? []
      : ([["secret.sqfs:/mnt:image-src=/", /not readable by the current user, check permissions\n$/]] as const)),
  ] as const)("refuses %s", async (bind, message) => {
    expect(await exec(["-B", bind], "echo", "ran")).toMatchObject({
      ...{ code: 255, stdout: "" },
      stderr: expect.stringMatching(message),
    });
  });
});
