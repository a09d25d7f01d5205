import { execFileSync } from "node:child_process";
import { closeSync, createReadStream, ftruncateSync, mkdtempSync, openSync, writeSync } from "node:fs";
import { link, mkdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTar } from "../../src/tar/read-tar.ts";
import { reportMissing, requireTool } from "../support/tools.ts";
import { type CollectedEntry, collectEntry } from "../tar/collect-entries.ts";

const gnuTar = requireTool("tar");
const bsdtar = requireTool("bsdtar", "libarchive-tools");
const setfattr = requireTool("setfattr", "attr");

const scratch = mkdtempSync(join(tmpdir(), "sifon-tar-"));
const tree = join(scratch, "tree");
const LONG = `${"d".repeat(120)}/${"f".repeat(180)}`;
const LATIN = Buffer.from("caf\xe9", "latin1");
const XATTR = "0x00ff0a3d00";
/** What tmpfs and some containers refuse, the tests leave out. */
let hasXattrs = false;

beforeAll(async () => {
  await mkdir(join(tree, "d".repeat(120)), { recursive: true });
  await writeFile(join(tree, "plain"), "hello\n", { mode: 0o640 });
  await writeFile(join(tree, LONG), "long");
  await writeFile(Buffer.concat([Buffer.from(`${tree}/`), LATIN]), "latin");
  await writeFile(join(tree, "old"), "1969");
  // utimes takes a negative time for "now".
  execFileSync("touch", ["-d", "@-1.5", join(tree, "old")]);
  await utimes(join(tree, "plain"), 1_234_567_890.75, 1_234_567_890.75);
  await link(join(tree, "plain"), join(tree, "same"));
  await symlink(`/target/${"t".repeat(150)}`, join(tree, "symlink"));
  execFileSync("mkfifo", ["-m", "600", join(tree, "fifo")]);
  writeSparse(join(tree, "sparse"), 3 << 20, [
    [0, "begin"],
    [1 << 20, "middle"],
    [2 << 20, "x".repeat(5000)],
  ]);
  writeSparse(
    join(tree, "holey"),
    40 << 16,
    Array.from({ length: 40 }, (_, i) => [i << 16, `part ${i}`] as const),
  );
  writeSparse(join(tree, "hole"), 1 << 20, []);
  try {
    if (setfattr) execFileSync(setfattr, ["-n", "user.sifon", "-v", XATTR, join(tree, "plain")], { stdio: "pipe" });
    hasXattrs = setfattr !== undefined;
  } catch {
    reportMissing("extended attributes: the file system of the temporary directory has none");
  }
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

function writeSparse(path: string, size: number, parts: readonly (readonly [number, string])[]): void {
  const file = openSync(path, "w");
  for (const [offset, text] of parts) writeSync(file, text, offset);
  ftruncateSync(file, size);
  closeSync(file);
}

async function read(archive: string): Promise<Map<string, CollectedEntry>> {
  const seen = new Map<string, CollectedEntry>();
  for await (const entry of readTar(createReadStream(archive), { name: "sha256:test" })) {
    seen.set(entry.path.replace(/^\.\//, ""), await collectEntry(entry, "buffered"));
  }
  return seen;
}

let count = 0;
function write(program: string, options: readonly string[], names: readonly string[] = ["."]): string {
  const archive = join(scratch, `${count++}.tar`);
  execFileSync(program, [...options, "-cf", archive, "-C", tree, "--", ...names], { stdio: "pipe" });
  return archive;
}

function content(path: string): string {
  return execFileSync("cat", [join(tree, path)], { maxBuffer: 1 << 28 }).toString("latin1");
}

const DIALECTS: readonly (readonly [string, string | undefined, readonly string[]])[] = [
  ["GNU tar, gnu", gnuTar, ["--format=gnu"]],
  ["GNU tar, oldgnu", gnuTar, ["--format=oldgnu"]],
  ["GNU tar, posix", gnuTar, ["--format=posix"]],
  ["GNU tar, posix with xattrs", gnuTar, ["--format=posix", "--xattrs"]],
  ["GNU tar, gnu --sparse", gnuTar, ["--format=gnu", "--sparse"]],
  ["GNU tar, oldgnu --sparse", gnuTar, ["--format=oldgnu", "--sparse"]],
  ["GNU tar, --sparse-version=0.0", gnuTar, ["--format=posix", "--sparse", "--sparse-version=0.0"]],
  ["GNU tar, --sparse-version=0.1", gnuTar, ["--format=posix", "--sparse", "--sparse-version=0.1"]],
  ["GNU tar, --sparse-version=1.0", gnuTar, ["--format=posix", "--sparse", "--sparse-version=1.0"]],
  ["GNU tar, --sparse by reading", gnuTar, ["--format=posix", "--sparse", "--hole-detection=raw"]],
  ["bsdtar, pax", bsdtar, ["--format=pax"]],
  ["bsdtar, gnutar", bsdtar, ["--format=gnutar"]],
];

describe("readTar() reads what tar programs write", () => {
  it.each(DIALECTS)("%s", async (_, program, options) => {
    if (program === undefined) return;
    const seen = await read(write(program, options));
    const isPax = options.some((option) => option.includes("pax") || option.includes("posix"));
    // Which of the two comes first, and so is the file, is the directory's order.
    const [file, linkToIt] = seen.get("plain")?.kind === "file" ? ["plain", "same"] : ["same", "plain"];
    expect(seen.get(file)).toMatchObject({ mode: 0o640, size: 6, content: "hello\n", mtimeSec: 1_234_567_890 });
    expect(seen.get(linkToIt)).toMatchObject({ kind: "hardlink", linkName: `./${file}` });
    expect(seen.get(LONG)).toMatchObject({ kind: "file", content: "long" });
    expect(seen.get("caf\xe9")).toMatchObject({ content: "latin" });
    expect(seen.get("symlink")).toMatchObject({ kind: "symlink", linkName: `/target/${"t".repeat(150)}` });
    expect(seen.get("fifo")).toMatchObject({ kind: "fifo", mode: 0o600 });
    expect(seen.get(`${"d".repeat(120)}/`)?.kind).toBe("directory");
    expect(seen.get("old")?.mtimeSec).toBe(0);
    const isSparse = options.includes("--sparse") || (program === bsdtar && isPax);
    for (const path of ["sparse", "holey", "hole"]) {
      expect(seen.get(path)?.content === content(path), path).toBe(true);
      expect(seen.get(path)!.holes > 0, path).toBe(isSparse);
    }
    const hasTheirs = options.includes("--xattrs") || (program === bsdtar && isPax);
    if (hasXattrs && hasTheirs) {
      const found = { ...seen.get("plain")?.xattrs, ...seen.get("same")?.xattrs };
      expect(found["user.sifon"]).toBe(Buffer.from(XATTR.slice(2), "hex").toString("latin1"));
    }
    expect(seen.size).toBe(12);
  });

  it.each([
    ["GNU tar, v7", gnuTar, ["--format=v7"]],
    ["GNU tar, ustar", gnuTar, ["--format=ustar"]],
    ["bsdtar, ustar", bsdtar, ["--format=ustar"]],
  ])("%s, which knows less", async (_, program, options) => {
    if (program === undefined) return;
    const seen = await read(write(program, options, ["plain", "fifo"].slice(0, options[0] === "--format=v7" ? 1 : 2)));
    expect(seen.get("plain")).toMatchObject({ mode: 0o640, size: 6, content: "hello\n" });
    if (options[0] !== "--format=v7") expect(seen.get("fifo")?.kind).toBe("fifo");
  });

  it("numeric owners and times past their fields", async () => {
    if (gnuTar === undefined) return;
    for (const format of ["gnu", "posix"]) {
      const options = [`--format=${format}`, "--owner=3000000000", "--group=4294967294", "--mtime=@9999999999"];
      const seen = await read(write(gnuTar, options, ["plain"]));
      expect(seen.get("plain")).toMatchObject({ uid: 3_000_000_000, gid: 4_294_967_294, mtimeSec: 2 ** 32 - 1 });
    }
  });

  it("devices, set-uid bits and ACLs' attributes as root", async () => {
    if (gnuTar === undefined || process.getuid?.() !== 0) return;
    execFileSync("mknod", ["-m", "600", join(scratch, "null"), "c", "1", "3"]);
    execFileSync("mknod", ["-m", "600", join(scratch, "disk"), "b", "259", "70000"]);
    await writeFile(join(scratch, "suid"), "x");
    execFileSync("chmod", ["6755", join(scratch, "suid")]);
    const archive = join(scratch, "devices.tar");
    execFileSync(gnuTar, ["--format=posix", "-cf", archive, "-C", scratch, "null", "disk", "suid"]);
    const seen = await read(archive);
    expect(seen.get("null")).toMatchObject({ kind: "charDevice", deviceMajor: 1, deviceMinor: 3, mode: 0o600 });
    expect(seen.get("disk")).toMatchObject({ kind: "blockDevice", deviceMajor: 259, deviceMinor: 70000 });
    expect(seen.get("suid")?.mode).toBe(0o6755);
  });

  it("a file over 8 GiB, of holes", async () => {
    if (gnuTar === undefined) return;
    const path = join(scratch, "huge");
    writeSparse(path, 2 ** 33 + 7, [[2 ** 33, "the end"]]);
    for (const format of ["gnu", "posix"]) {
      const archive = join(scratch, `huge-${format}.tar`);
      execFileSync(gnuTar, [`--format=${format}`, "--sparse", "-cf", archive, "-C", scratch, "huge"]);
      const { size, holes, content: end } = (await read(archive)).get("huge")!;
      expect(size).toBe(2 ** 33 + 7);
      expect(holes + end.length).toBe(size);
      expect(end.replaceAll("\0", "")).toBe("the end");
    }
  });

  it("an incremental dump's directories", async () => {
    if (gnuTar === undefined) return;
    const seen = await read(write(gnuTar, ["--format=gnu", `--listed-incremental=${join(scratch, "snapshot")}`]));
    expect(seen.get("./")?.kind ?? seen.get("")?.kind).toBe("directory");
    expect(seen.get(LONG)).toMatchObject({ content: "long" });
  });
});
