import { mkdir, readdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { makeLayer } from "../support/registry-image.ts";
import { makeSif } from "../support/small-sif.ts";
import { createWorkplace, expectHygiene, type Workplace } from "./workplace.ts";

/** With `full/x`, `full/deep/in.sif`, `sandbox/` made of `x.sif`, and `here` that leads to the current directory. */
async function placeWithTargets(context: TestContext): Promise<Workplace> {
  const place = await createWorkplace(context);
  const at = (name: string) => join(place.out, name);
  await makeSif(at("x.sif"), { layers: [await makeLayer({ "etc/a": "a" })] });
  await mkdir(at("full/deep"), { recursive: true });
  await writeFile(at("full/x"), "x");
  await makeSif(at("full/deep/in.sif"), { layers: [await makeLayer({ "etc/b": "b" })] });
  await symlink(".", at("here"));
  return place;
}

describe.concurrent("build --force --sandbox", () => {
  it.for([
    ["/", "x.sif", "is the root of the file system"],
    [".", "x.sif", "is the current directory"],
    ["..", "x.sif", "contains the current directory"],
    ["here", "x.sif", "is the current directory"],
    ["../home", "x.sif", "is your home directory"],
    ["full", "full/deep/in.sif", "contains the source"],
    ["full", "docker-archive:full/x", "contains the source"],
    ["full", "oci:full/deep:a:tag", "contains the source"],
  ] as const)("%s from %s is refused: it %s", async ([target, source, why], context) => {
    const place = await placeWithTargets(context);
    const end = await place.run(["build", "-F", "--sandbox", target, source]);
    expect(end.stderr).toContain(`${why}, and all in it would be deleted, which --force does not allow either`);
    expect(end.stderr.match(/^FATAL:/gm)).toHaveLength(1);
    expectHygiene(end);
    expect(end.code).toBe(255);
    expect((await readdir(place.out)).sort()).toEqual(["full", "here", "x.sif"]);
    expect((await readdir(join(place.out, "full"), { recursive: true })).sort()).toEqual(["deep", "deep/in.sif", "x"]);
  });

  it("replaces any other directory, and a sandbox by itself", async (context) => {
    const place = await placeWithTargets(context);
    for (const source of ["x.sif", "full"]) {
      const end = await place.run(["build", "-F", "--sandbox", "full", source]);
      expect(end.code, end.stderr).toBe(0);
      expect(await readdir(join(place.out, "full", "etc"))).toContain("a");
    }
  });

  it("without --force only replaces what is a sandbox", async (context) => {
    const place = await placeWithTargets(context);
    await rename(join(place.out, "full/x"), join(place.out, "full/y"));
    const end = await place.run(["build", "--sandbox", "full", "x.sif"]);
    expect(end.stderr).toContain("is not empty and is not an Apptainer sandbox");
    expect(end.code).toBe(255);
    expect((await readdir(join(place.out, "full"))).sort()).toEqual(["deep", "y"]);
  });
});
