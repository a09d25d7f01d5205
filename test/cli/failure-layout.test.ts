import { mkdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { mustRun } from "../support/command.ts";
import { makeImage, makeIndex, type TestImage, writeLayout } from "../support/registry-image.ts";
import { createWorkplace, expectFailure, expectHygiene, type Workplace } from "./workplace.ts";

/** A layout beside the output directory, and a run that builds from it. */
async function layoutOf(context: TestContext, image: TestImage) {
  const place = await createWorkplace(context);
  const folder = join(place.out, "..", "layout");
  await mkdir(folder);
  await writeLayout(folder, image.blobs, [image.descriptor]);
  const build = (...options: string[]) => place.run(["build", ...options, "x.sif", `oci:${folder}`]);
  return { place, folder, index: join(folder, "index.json"), build };
}

/** The layout's path is quoted in all messages, so that the rest of them is what counts. */
async function expectRefusal(place: Workplace, end: Awaited<ReturnType<Workplace["run"]>>, says: RegExp) {
  await expectFailure(place, end, { says: [/^FATAL: {3}While performing build: /, says] });
}

describe.concurrent("build from a layout whose index.json is", () => {
  it.for([
    ["missing", (path: string) => rm(path), /stat index\.json: no such file or directory/],
    [
      "a named pipe",
      async (path: string) => {
        await rm(path);
        await mustRun("mkfifo", [path]);
      },
      /stat index\.json: not a regular file/,
    ],
    [
      "a link to a device",
      async (path: string) => {
        await rm(path);
        await symlink("/dev/zero", path);
      },
      /stat index\.json: not a regular file/,
    ],
    [
      "a link to itself",
      async (path: string) => {
        await rm(path);
        await symlink(path, path);
      },
      /stat index\.json: too many symbolic links encountered/,
    ],
    [
      "too large",
      (path: string) => truncate(path, 5 << 20),
      /it is 5242880 bytes, limit 4194304\. Copy the image into a layout of its own/,
    ],
    [
      "not JSON",
      (path: string) => writeFile(path, "{"),
      /it is not JSON \(it begins "\{"\)\. It is damaged, or not a document of a container image at all\.$/,
    ],
  ] as const)("%s", async ([, spoil, says], context) => {
    const { place, index, build } = await layoutOf(context, await makeImage({ diffIds: [] }));
    await spoil(index);
    await expectRefusal(place, await build(), says);
  });
});

describe.concurrent("build from a layout", () => {
  it("tells the digest of a missing blob once", async (context) => {
    const image = await makeImage({ diffIds: [] });
    const { place, folder, build } = await layoutOf(context, image);
    const hex = image.descriptor.digest.slice("sha256:".length);
    await rm(join(folder, "blobs/sha256", hex));
    const end = await build();
    await expectRefusal(place, end, /its file there is missing: no such file or directory\. The layout is incomplete/);
    expect(end.stderr.split(hex)).toHaveLength(2);
  });

  it("follows links out of it, as build tools make them, and checks what they lead to", async (context) => {
    const image = await makeImage({ diffIds: [] });
    const { place, folder, index, build } = await layoutOf(context, image);
    const store = join(folder, "..", "store");
    await rename(join(folder, "blobs"), store);
    await symlink(store, join(folder, "blobs"));
    await rename(index, join(folder, "..", "index"));
    await symlink("../index", index);
    const end = await build();
    expect(end.code, end.stderr).toBe(0);
    expectHygiene(end);
    await rm(join(place.out, "x.sif"));
    const blob = join(store, "sha256", image.descriptor.digest.slice("sha256:".length));
    await writeFile(blob, Buffer.alloc((await readFile(blob)).length));
    await expectRefusal(place, await build(), /is not what it is named/);
  });

  it.for([
    ["alone", () => makeImage({ diffIds: [], platform: { os: "windows", architecture: "amd64" } })],
    ["in an index", () => makeIndex([{ os: "windows", architecture: "amd64" }])],
  ] as const)("of Windows, %s, is refused as that", async ([, make], context) => {
    const { place, build } = await layoutOf(context, await make());
    const end = await build();
    await expectRefusal(place, end, /windows\/amd64.*A SIF holds a Linux system: name another image\.$/);
    expect(end.stderr).not.toContain("--arch");
  });

  it("warns of a config that names no diff_ids", async (context) => {
    const { build } = await layoutOf(context, await makeImage({ diffIds: [] }));
    const end = await build();
    expect(end.code, end.stderr).toBe(0);
    expect(end.stderr).toMatch(
      /^WARNING: the config of "oci:.*" names no diff_ids: its layers are checked as they are stored/m,
    );
  });
});
