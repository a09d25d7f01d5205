import { describe, expect, it } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { formatListing, formatMode, type ListOptions, listPath } from "../../src/image/listing.ts";
import { SquashfsImage } from "../../src/squashfs/reader/image.ts";
import { buildImage } from "../squashfs/writer/image-builder.ts";

const { bytes } = await buildImage({
  bin: { kind: "symlink", target: "usr/bin", mode: 0o777 },
  dev: { kind: "directory", mode: 0o1777 },
  "dev/null": { kind: "charDevice", device: [1, 3], mode: 0o666 },
  "dev/pipe": { kind: "fifo" },
  etc: { kind: "directory", mode: 0o755 },
  "etc/passwd": {
    kind: "file",
    content: Buffer.from("root\n"),
    mode: 0o644,
    uid: 10,
    gid: 20,
    mtimeSec: 1_700_000_000,
  },
  usr: { kind: "directory", mode: 0o755 },
  "usr/bin": { kind: "directory", mode: 0o755 },
  "usr/bin/su": { kind: "file", mode: 0o4755 },
  "usr/bin/caf\xc3\xa9": { kind: "file" },
});
const image = await SquashfsImage.open(bytesAccess(bytes));

async function paths(path: string, options?: ListOptions): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of listPath(image, path, options)) found.push(entry.path);
  return found;
}

describe("listPath()", () => {
  it.each<[string, boolean, readonly string[]]>([
    ["", false, ["bin", "dev", "etc", "usr"]],
    ["/", false, ["bin", "dev", "etc", "usr"]],
    ["etc/", false, ["passwd"]],
    ["etc/passwd", false, ["etc/passwd"]],
    ["bin", false, ["bin"]],
    ["bin/", false, ["caf\xc3\xa9", "su"]],
    ["bin/su", false, ["bin/su"]],
    ["/usr/../bin/./su", false, ["/usr/../bin/./su"]],
    ["dev", true, ["dev/null", "dev/pipe"]],
    ["usr/", true, ["usr/bin", "usr/bin/caf\xc3\xa9", "usr/bin/su"]],
    ["bin/", true, ["bin/caf\xc3\xa9", "bin/su"]],
    ["etc/passwd", true, ["etc/passwd"]],
  ])("of %j, recursive %s", async (path, recursive, expected) => {
    expect(await paths(path, { recursive })).toEqual(expected);
  });

  it.each(["nosuch", "etc/nosuch", "etc/passwd/x"])("refuses %s", async (path) => {
    await expect(paths(path)).rejects.toMatchObject({ code: expect.stringMatching(/^NOT_/) });
  });
});

describe("formatListing()", () => {
  it("is like ls -l", async () => {
    const lines: string[] = [];
    for await (const entry of listPath(image, "", { recursive: true })) lines.push(formatListing(entry));
    expect(lines.slice(0, 6)).toEqual([
      "lrwxrwxrwx   1     0     0          7 2020-09-13 12:26 bin -> usr/bin",
      "drwxrwxrwt   2     0     0         39 2020-09-13 12:26 dev",
      "crw-rw-rw-   1     0     0       1, 3 2020-09-13 12:26 dev/null",
      "prw-r--r--   1     0     0          0 2020-09-13 12:26 dev/pipe",
      "drwxr-xr-x   2     0     0         29 2020-09-13 12:26 etc",
      "-rw-r--r--   1    10    20          5 2023-11-14 22:13 etc/passwd",
    ]);
  });
});

describe("formatListing() of a symlink", () => {
  it("tells an arrow in its name from the one behind it", async () => {
    const built = await buildImage({
      "a -> b": { kind: "symlink", target: "c" },
      a: { kind: "symlink", target: "b -> c\n" },
    });
    const lines: string[] = [];
    for await (const one of listPath(await SquashfsImage.open(bytesAccess(built.bytes)), ""))
      lines.push(formatListing(one));
    expect(lines.map((line) => line.slice(line.indexOf("12:26 ") + 6))).toEqual([
      String.raw`a -> b -> c\n`,
      String.raw`a\040-> b -> c`,
    ]);
  });
});

describe("formatMode()", () => {
  it.each([
    [0o0000, "----------"],
    [0o7777, "-rwsrwsrwt"],
    [0o7000, "---S--S--T"],
    [0o4711, "-rws--x--x"],
    [0o0640, "-rw-r-----"],
  ])("of %o", (mode, expected) => {
    expect(formatMode({ kind: "file", mode })).toBe(expected);
  });
});
