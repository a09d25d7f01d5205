import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, type TestContext } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { readSif } from "../../src/sif/reader.ts";
import { SIFON_MAIN } from "../support/sifon.ts";
import { runOnTerminal } from "../support/terminal.ts";
import { requireTool } from "../support/tools.ts";
import { createWorkplace, expectFailure, expectHygiene, putFile, type Workplace } from "./workplace.ts";

const BAD = `Bootstrap: scratch
Foo: 1
no colon
%nosuch
%apprun
%files from gone
  a b
`;
/** Asks for WHO; its test fails wherever it runs. */
const GOOD = "Bootstrap: scratch\n%help\n  {{ WHO }}\n%labels\n  Key value\n%test\n  exit 4\n%files\n  data /in/data\n";
const WHO = ["--build-arg", "WHO=Jane"] as const;

/** A workplace with files in its directory. */
async function withFiles(test: Pick<TestContext, "onTestFinished">, files: Readonly<Record<string, string>>) {
  const place = await createWorkplace(test);
  for (const [name, text] of Object.entries(files)) await putFile(place, name, text);
  return place;
}

/** Runs with a text on standard input. */
async function runWith(place: Workplace, stdin: string, args: readonly string[]) {
  const { child, ended } = place.start(args, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin?.end(stdin);
  return ended;
}

async function inspected(place: Workplace, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await place.run(["inspect", ...args]);
  expect(code, stderr).toBe(0);
  return stdout.toString();
}

describe("sifon build --check", () => {
  it("tells all that is wrong, a line each, and builds nothing", async (test) => {
    const place = await withFiles(test, { "bad.def": BAD });
    const end = await place.run(["build", "--check", "bad.def"]);
    const told = end.stderr.split("\n").filter((line) => line.startsWith("ERROR:"));
    expect(told.map((line) => /bad\.def:(\d+): ([^;]*);/.exec(line)?.slice(1))).toEqual([
      ["2", 'invalid header keyword found: "foo"'],
      ["3", 'header key "no colon" had no val'],
      ["4", 'invalid section(s) specified: "nosuch"'],
      ["5", "app section apprun: could not be split into section name and app name"],
      ["6", 'stage "gone" was not found'],
    ]);
    await expectFailure(place, end, {
      says: ["Unable to build from bad.def: while parsing definition: bad.def:2:", "(and 4 more)"],
      files: { "bad.def": BAD },
    });
  });

  it.for([
    ["a file", ["good.def"], ""],
    ["standard input", ["-"], GOOD],
  ] as const)("finds nothing wrong in %s", async ([, words, stdin], test) => {
    const place = await withFiles(test, { "good.def": GOOD });
    const end = await runWith(place, stdin, ["build", "--check", ...WHO, ...words]);
    expect(end).toMatchObject({ code: 0, stderr: expect.stringMatching(/^INFO: +No problem found in \S.*\n$/) });
    expect(await readdir(place.out)).toEqual(["good.def"]);
  });

  it.each([[[]], [["a.def", "b.def"]]])("refuses %j", async (words) => {
    const ends: (() => unknown)[] = [];
    const place = await createWorkplace({ onTestFinished: (end: () => unknown) => void ends.push(end) } as TestContext);
    const { code, stderr } = await place.run(["build", "--check", ...words]);
    for (const end of ends) await end();
    expect(code).toBe(1);
    expect(stderr).toContain(`--check accepts 1 arg(s), received ${words.length}`);
  });
});

const files = {
  "good.def": GOOD,
  data: "data",
  "empty.def": "",
  "blank.def": "# nothing\n\n",
  "from.def": "From: x\n",
};
const UNABLE = "FATAL:   Unable to build from ";

describe("sifon build FILE.def, refused", () => {
  it.for([
    [
      "a missing file",
      ["nosuch.def"],
      "nosuch.def: unable to open file nosuch.def: open nosuch.def: no such file or dir",
    ],
    [
      "an empty file",
      ["empty.def"],
      "empty.def: while parsing definition: empty.def: no stages found in definition file",
    ],
    ["comments alone", ["blank.def"], "blank.def: while parsing definition: blank.def: no stages found in definition"],
    ["no agent", ["from.def"], "from.def: while parsing definition: from.def:1: no bootstrap specification found"],
    ["a value that is missing", ["good.def"], "good.def:3: build var WHO is not defined through either --build-arg"],
    [
      "values that nothing asks for",
      [...WHO, "--build-arg", "A=1", "--build-arg", "B=", "good.def"],
      "good.def: unused build args: A B. Use option --warn-unused-build-args",
    ],
    ["a value without a name", ["--build-arg", "WHO", "good.def"], 'Cannot use --build-arg: "WHO" is not a key=value'],
    ["a file of no values", ["--build-arg-file", "data", "good.def"], "Cannot use --build-arg-file data: "],
    [
      "a missing file of values",
      ["--build-arg-file", "nofile", "good.def"],
      "good.def: unable to open file nofile: open nofile: no such file or directory",
    ],
    [
      "--section all and more",
      [...WHO, "--section", "all,files", "good.def"],
      "FATAL:   Could not check build sections: section specification error: cannot have all and any other option",
    ],
    [
      "an unknown --section",
      [...WHO, "--section", "nope", "good.def"],
      'FATAL:   Could not check build sections: section specification error: "nope" is none of',
    ],
    ["--update without --sandbox", [...WHO, "--update", "good.def"], "only sandbox update is supported"],
  ] as const)("%s", async ([, args, says], test) => {
    const place = await withFiles(test, files);
    await expectFailure(place, await place.run(["build", "out.sif", ...args]), { says: [says], files });
  });

  it("a definition on standard input, with its line", async (test) => {
    const place = await createWorkplace(test);
    const end = await runWith(place, "# on top\nBootstrap: nosuch\nFrom: x\n", ["build", "out.sif", "-"]);
    await expectFailure(place, end, {
      says: [`${UNABLE}-: while parsing`, 'standard input:2: invalid build source "no'],
    });
  });
});

describe("sifon build FILE.def", () => {
  it("--notest leaves %test unrun and keeps its text", async (test) => {
    const place = await withFiles(test, files);
    const end = await place.run(["build", "-T", ...WHO, "out.sif", "good.def"]);
    expect(end.code, end.stderr).toBe(0);
    expectHygiene(end);
    expect(await inspected(place, "--test", "out.sif")).toContain("exit 4");
    expect(await inspected(place, "--helpfile", "out.sif")).toContain("Jane");
    expect(await readdir(place.tmp)).toEqual([]);
  });

  it("--build-arg wins over --build-arg-file, and both over %arguments; --warn-unused-build-args warns", async (test) => {
    const text = "Bootstrap: scratch\n%arguments\nA=arguments\nB=arguments\nC=arguments\n%help\n{{ A }} {{B}} {{ C}}\n";
    const place = await withFiles(test, { "a.def": text, values: "# values\nA=file\nB=file\nD=file\n" });
    const given = ["--build-arg-file", "values", "--build-arg", "A=given", "--warn-unused-build-args"];
    const { code, stderr } = await place.run(["build", ...given, "out.sif", "a.def"]);
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^WARNING: Unused build args: D$/m);
    expect((await inspected(place, "--helpfile", "out.sif")).trim()).toBe("given file arguments");
  });

  it.for([
    ["labels", { hasLabel: true, hasHelp: false, hasFile: false }],
    ["help,files", { hasLabel: false, hasHelp: true, hasFile: true }],
    ["none", { hasLabel: false, hasHelp: false, hasFile: false }],
    ["all", { hasLabel: true, hasHelp: true, hasFile: true }],
  ] as const)("--section %s", async ([sections, expected], test) => {
    const place = await withFiles(test, files);
    const { code, stderr } = await place.run(["build", "-T", ...WHO, "--section", sections, "out.sif", "good.def"]);
    expect(code, stderr).toBe(0);
    const hasLabel = (await inspected(place, "--labels", "out.sif")).includes("Key: value");
    const hasFile = (await place.run(["cat", "out.sif", "/in/data"])).code === 0;
    const hasHelp = (await inspected(place, "--helpfile", "out.sif")).includes("Jane");
    expect({ hasLabel, hasHelp, hasFile }).toEqual(expected);
  });

  it("a definition from standard input, and a SIF to a pipe: the same bytes", async (test) => {
    const place = await withFiles(test, files);
    const epoch = { SOURCE_DATE_EPOCH: "1600000000" };
    const end = await place.run(["build", "-T", ...WHO, "out.sif", "good.def"], { env: epoch });
    expect(end.code, end.stderr).toBe(0);
    const { child, ended } = place.start(["build", "-T", ...WHO, "-", "-"], {
      env: epoch,
      stdio: ["pipe", "pipe", "pipe"],
    });
    child.stdin?.end(GOOD);
    const piped = await ended;
    expect(piped.code, piped.stderr).toBe(0);
    expectHygiene(piped);
    expect(piped.stdout.equals(await readFile(join(place.out, "out.sif")))).toBe(true);
    expect(await readdir(place.tmp)).toEqual([]);
  });

  it("a SIF has its metadata in front of its partition, with the build's record", async (test) => {
    const place = await withFiles(test, files);
    const { code, stderr } = await place.run(["build", "-T", ...WHO, "out.sif", "good.def"]);
    expect(code, stderr).toBe(0);
    const sif = await readSif(bytesAccess(await readFile(join(place.out, "out.sif"))));
    expect(sif.objects.map(({ id }) => id)).toEqual(
      [...sif.objects].sort((a, b) => a.offset - b.offset).map(({ id }) => id),
    );
    const checked = await place.run(["verify", "--content", "out.sif"]);
    expect(checked.code, checked.stderr).toBe(0);
    expect(checked.stdout.toString()).toContain("as recorded by its build with sifon ");
  });

  it("an old file stays without --force where nobody can be asked, and when the build fails", async (test) => {
    const old = { ...files, "out.sif": "old" };
    const place = await withFiles(test, old);
    const refused = await place.run(["build", "-T", ...WHO, "out.sif", "good.def"]);
    await expectFailure(place, refused, { says: ["build target 'out.sif' already exists. Use --force"], files: old });
    const lacking = { ...old, "lack.def": "Bootstrap: scratch\n%files\n  nothing /x\n" };
    await putFile(place, "lack.def", lacking["lack.def"]);
    const failed = await place.run(["build", "--force", "out.sif", "lack.def"]);
    await expectFailure(place, failed, { says: ["nothing"], files: lacking });
  });

  it.skipIf(requireTool("script", "bsdutils") === undefined).for([
    ["y\r", 0, "SIF_MAGIC"],
    ["n\r", 255, "old"],
    ["\r", 255, "old"],
  ] as const)("asks on a terminal before it replaces a file: %j", async ([typed, expected, holds], test) => {
    const place = await withFiles(test, { ...files, "out.sif": "old" });
    const command = [process.execPath, SIFON_MAIN, "build", "-T", ...WHO, "out.sif", "good.def"];
    const { code, seen } = await runOnTerminal(command, { "[y/N] ": typed }, { cwd: place.out, env: place.env });
    expect(code, seen).toBe(expected);
    expect(seen).toContain("'out.sif' may be a definition file or a text/binary file that will be overwritten");
    expect(await readFile(join(place.out, "out.sif"), "latin1")).toContain(holds);
  });
});

describe("sifon build --sandbox --update", () => {
  const FIRST = "Bootstrap: scratch\n%files\n  data /kept/data\n%help\n  first\n";
  const SECOND = "Bootstrap: docker\nFrom: never.fetched/x\n%files\n  data /more/data\n%labels\n  Second yes\n";

  async function withSandbox(test: TestContext): Promise<Workplace> {
    const place = await withFiles(test, { data: "data", "first.def": FIRST, "second.def": SECOND });
    const { code, stderr } = await place.run(["build", "--sandbox", "box", "first.def"]);
    expect(code, stderr).toBe(0);
    return place;
  }
  const inBox = (place: Workplace, path: string) => readFile(join(place.out, "box", path), "utf8");

  it("adds to what is there, whatever the header names", async (test) => {
    const place = await withSandbox(test);
    const end = await place.run(["build", "--sandbox", "--update", "box", "second.def"]);
    expect(end.code, end.stderr).toBe(0);
    expectHygiene(end);
    expect(await Promise.all(["kept/data", "more/data"].map((path) => inBox(place, path)))).toEqual(["data", "data"]);
    expect(await inBox(place, ".singularity.d/runscript.help")).toContain("first");
    expect(JSON.parse(await inBox(place, ".singularity.d/labels.json"))).toMatchObject({ Second: "yes" });
    expect((await readdir(place.out)).sort()).toEqual(["box", "data", "first.def", "second.def"]);
  });

  it("leaves it as it was when it fails", async (test) => {
    const place = await withSandbox(test);
    const { ino } = await stat(join(place.out, "box"));
    await putFile(place, "second.def", `${SECOND}%files\n  nothing /x\n`);
    const end = await place.run(["build", "--sandbox", "--update", "box", "second.def"]);
    expect(end.code, end.stderr).toBe(255);
    expect(end.stderr).toMatch(/^FATAL: .*nothing/m);
    expectHygiene(end);
    expect((await readdir(place.out)).sort()).toEqual(["box", "data", "first.def", "second.def"]);
    expect((await stat(join(place.out, "box"))).ino).toBe(ino);
    expect((await readdir(join(place.out, "box"))).includes("more")).toBe(false);
    expect(await inBox(place, ".singularity.d/Singularity")).toContain("/kept/data");
  });

  it.for(["nosuch", "plain"])("refuses %s, which is no sandbox", async (name, test) => {
    const place = await withSandbox(test);
    await mkdir(join(place.out, "plain"));
    const { code, stderr } = await place.run(["build", "--sandbox", "--update", name, "second.def"]);
    expect(code).toBe(255);
    expect(stderr).toMatch(/^FATAL: +While checking build target: .* is not a sandbox: there is nothing to update$/m);
    expect(await readdir(join(place.out, "plain"))).toEqual([]);
  });
});
