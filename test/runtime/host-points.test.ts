import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeHostPoints } from "../../src/runtime/container/host-points.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sifon-points-"));
  mkdirSync(join(folder, "shown"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const make = (path: string, kind: "directory" | "file") =>
  makeHostPoints([{ folder: join(folder, "shown"), path, kind }]);
const open = () => readdirSync("/proc/self/fd").length;

describe("makeHostPoints()", () => {
  it.each([
    ["/a", "directory"],
    ["/a/b/c", "directory"],
    ["/a", "file"],
    ["/a/b/c", "file"],
  ] as const)("makes %s, a %s, and keeps nothing open", (path, kind) => {
    const before = open();
    make(path, kind);
    const made = lstatSync(join(folder, "shown", path));
    expect({ isFile: made.isFile(), isDirectory: made.isDirectory() }).toEqual({
      isFile: kind === "file",
      isDirectory: kind === "directory",
    });
    expect(open()).toBe(before);
  });

  it.each([
    ["directory", "a/b/kept"],
    ["file", "a/b"],
  ] as const)("leaves a %s as it is that somebody has made meanwhile", (kind, kept) => {
    make("/a/b", kind);
    writeFileSync(join(folder, "shown", kept), "kept");
    make("/a/b", kind);
    expect(readFileSync(join(folder, "shown", kept), "utf8")).toBe("kept");
  });

  it("takes the umask to heart", () => {
    const before = process.umask(0o077);
    try {
      make("/a/b", "file");
    } finally {
      process.umask(before);
    }
    expect([
      lstatSync(join(folder, "shown/a")).mode & 0o777,
      lstatSync(join(folder, "shown/a/b")).mode & 0o777,
    ]).toEqual([0o700, 0o600]);
  });

  it.each([
    ["on the way", "/link/b", "directory", "not a directory"],
    ["on the way to a file", "/link/b", "file", "not a directory"],
    ["in the place of a directory", "/link", "directory", "not a directory"],
    ["in the place of a file", "/link", "file", "something else is there by now"],
  ] as const)("follows no link %s", (_where, path, kind, problem) => {
    mkdirSync(join(folder, "outside"));
    symlinkSync(join(folder, "outside"), join(folder, "shown/link"));
    const before = open();
    expect(() => make(path, kind)).toThrow(
      expect.objectContaining({ code: "MOUNT_POINT_REFUSED", message: expect.stringContaining(problem) }),
    );
    expect(readdirSync(join(folder, "outside"))).toEqual([]);
    expect(open()).toBe(before);
  });

  it("makes no file through a link that leads nowhere", () => {
    symlinkSync(join(folder, "gone"), join(folder, "shown/link"));
    expect(() => make("/link", "file")).toThrow(expect.objectContaining({ code: "MOUNT_POINT_REFUSED" }));
    expect(readdirSync(folder)).toEqual(["shown"]);
  });

  it("names the directory that it cannot make, the reason, and what to do", () => {
    writeFileSync(join(folder, "shown/file"), "");
    expect(() => make("/file/b", "directory")).toThrow(
      `failed to create ${folder}/shown/file directory: mkdir ${folder}/shown/file: not a directory. Make it yourself`,
    );
  });
});
