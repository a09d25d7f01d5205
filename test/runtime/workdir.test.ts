import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeWorkdirFolders } from "../../src/runtime/container/workdir.ts";
import { temporaryDirectory } from "../sink/temporary-directory.ts";

describe("makeWorkdirFolders()", () => {
  it("makes what a container keeps there, whatever the umask, and leaves what is there", () => {
    const workdir = temporaryDirectory();
    mkdirSync(join(workdir, "home"));
    chmodSync(join(workdir, "home"), 0o711);
    makeWorkdirFolders(workdir, { contain: true, scratch: ["/data/a", "/b"] });
    const modeOf = (name: string) => (statSync(join(workdir, name)).mode & 0o7777).toString(8);
    expect(["home", "tmp", "var_tmp", "scratch"].map(modeOf)).toEqual(["711", "1777", "1777", "750"]);
    expect(readdirSync(join(workdir, "scratch"), { recursive: true, encoding: "utf8" }).sort()).toEqual([
      "b",
      "data",
      "data/a",
    ]);
  });

  it("makes nothing that is not asked for", () => {
    const workdir = temporaryDirectory();
    makeWorkdirFolders(workdir, { contain: false, scratch: [] });
    expect(readdirSync(workdir)).toEqual([]);
  });

  it.each([
    ["none", [], "none/home", "no such file or directory"],
    ["file", [], "file/home", "not a directory"],
    ["x".repeat(256), [], `${"x".repeat(256)}/home`, "name too long"],
    [".", ["/a/b"], "scratch/a/b", "not a directory"],
  ])("refuses a place that cannot be used: %s, scratch %j", (name, scratch, path, problem) => {
    const place = temporaryDirectory();
    writeFileSync(join(place, "file"), "");
    mkdirSync(join(place, "scratch"));
    writeFileSync(join(place, "scratch/a"), "");
    const make = () => makeWorkdirFolders(join(place, name), { contain: true, scratch });
    expect(make).toThrow(
      expect.objectContaining({ code: "WORKDIR_UNUSABLE", message: expect.stringContaining(problem) }),
    );
    expect(make).toThrow(`mkdir ${join(place, path)}: `);
  });
});
