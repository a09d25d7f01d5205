import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { runCommand } from "../support/command.ts";
import { SIFON_MAIN } from "../support/sifon.ts";
import { entry, header, tar } from "../tar/tar-bytes.ts";
import { createRegistry, createWorkplace, expectFailure, expectHygiene, putFile } from "./workplace.ts";

const HELLO = `oci:${fileURLToPath(new URL("../../fixtures/hello/image", import.meta.url))}:latest`;
const DOCUMENT = fileURLToPath(new URL("../../src/cli/json-events.md", import.meta.url));

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe.concurrent("a wrong command line", () => {
  it.for([
    [["build", "x.sif"], 'Error for command "build": accepts 2 arg(s), received 1', "build"],
    [["build", "a", "b", "c"], 'Error for command "build": accepts 2 arg(s), received 3', "build"],
    [["pull"], 'Error for command "pull": accepts between 1 and 2 arg(s), received 0', "pull"],
    [["pull", "a", "b", "c"], 'Error for command "pull": accepts between 1 and 2 arg(s), received 3', "pull"],
    [["build", "--oci", "a", "b"], 'Error for command "build": unknown flag: --oci', "build"],
    [["pull", "--x=1", "a"], 'Error for command "pull": unknown flag: --x', "pull"],
    [["pull", "-z", "a"], "Error for command \"pull\": unknown shorthand flag: 'z' in -z", "pull"],
    [["build", "a", "b", "--arch"], 'Error for command "build": flag needs an argument: --arch', "build"],
    [["--nope"], "Error: unknown flag: --nope", undefined],
    [["--nope", "build"], "Error: unknown flag: --nope", undefined],
    [["frobnicate"], 'Error: unknown command "frobnicate" for "sifon"', undefined],
    [["build", "--workers", "many", "x", HELLO], /"build": invalid value "many" of --workers/, "build"],
    [["build", "--block-size", "3000", "x", HELLO], /"3000" of --block-size: expected a power of two from 4K/, "build"],
    [["build", "--compression", "xz", "x", HELLO], /"xz" of --compression: expected gzip, lz4 or none/, "build"],
    [["build", "--fast", "--best", "x", HELLO], /"build": --fast and --best exclude each other/, "build"],
  ] as const)("%j", async ([args, first, command], context) => {
    const place = await createWorkplace(context);
    const end = await place.run(args);
    const [line, ...rest] = end.stderr.split("\n");
    expect(line).toMatch(first);
    expect(rest.join("\n")).toContain(
      command === undefined ? "Run 'sifon --help'" : `Usage: sifon ${command} [options]`,
    );
    expect(end.code).toBe(1);
    expect(end.stdout.length).toBe(0);
    expect(await readdir(place.out)).toEqual([]);
  });
});

describe.concurrent("help and version", () => {
  it.for([
    [["--version"], /^sifon version \d+\.\d+\.\d+\n$/],
    [["--help"], /^Usage: sifon .*\n[\s\S]*build[\s\S]*pull/],
    [[], /^Usage: sifon /],
    [["help", "pull"], /^Usage: sifon pull \[options\] \[output file\] <URI>\n/],
    [["build", "--help"], /^Usage: sifon build \[options\] <image path> <source>\n[\s\S]*-F, --force/],
  ] as const)("%j", async ([args, expected], context) => {
    const end = await (await createWorkplace(context)).run(args);
    expect(end.stdout.toString()).toMatch(expected);
    expect(end.stderr).toBe("");
    expect(end.code).toBe(0);
  });
});

describe.concurrent("messages", () => {
  const COPIES = [/^Copying config sha256:[0-9a-f]{64} \(.*\)$/, ...Array<RegExp>(4).fill(/^Copying blob sha256:/)];

  it("of build come in Apptainer's order, the copies between", async (context) => {
    const end = await (await createWorkplace(context)).run(["build", "x.sif", HELLO]);
    expectLines(end.stderr, [
      "INFO:    Starting build...",
      "INFO:    Fetching OCI image...",
      COPIES[0] as RegExp,
      "INFO:    Extracting OCI image...",
      ...COPIES.slice(1),
      "INFO:    Inserting Apptainer configuration...",
      "INFO:    Creating SIF file...",
      "INFO:    Build complete: x.sif",
    ]);
    expect(end.code).toBe(0);
    expectHygiene(end);
  });

  it("of pull are one line and the copies", async (context) => {
    const end = await (await createWorkplace(context)).run(["pull", HELLO]);
    expectLines(end.stderr, ["INFO:    Converting OCI blobs to SIF format", ...COPIES]);
    expect(end.stdout.length).toBe(0);
  });

  it.for([
    [["-q"], {}, false],
    [["--quiet"], {}, false],
    [[], { SIFON_QUIET: "1" }, false],
    [[], { APPTAINER_MESSAGELEVEL: "-1" }, false],
    [["-s"], {}, true],
    [["--silent"], {}, true],
    [[], { SINGULARITY_SILENT: "true" }, true],
  ] as const)("are fewer with %j and %j", async ([flags, env, silent], context) => {
    const place = await createWorkplace(context);
    const warn = { APPTAINER_ALL_ROOT: "1", SINGULARITY_ALL_ROOT: "0" };
    const end = await place.run([...flags, "pull", HELLO], { env: { ...warn, ...env } });
    const warning = "WARNING: SINGULARITY_ALL_ROOT and APPTAINER_ALL_ROOT have different values, using the latter\n";
    expect(end.stderr).toBe(silent ? "" : warning);
    const again = await place.run([...flags, "pull", HELLO], { env });
    expect(again.stderr).toBe('FATAL:   Image file already exists: "image_latest.sif" - will not overwrite\n');
  });

  it("are more with -v, and with -d a failure has its stack", async (context) => {
    const place = await createWorkplace(context);
    const verbose = await place.run(["-v", "pull", HELLO]);
    expect(verbose.stderr).toMatch(/^VERBOSE: oci:.* is sha256:[0-9a-f]{64} \(linux\/amd64\), 4 layer\(s\)/m);
    expect(verbose.stderr).toMatch(/^VERBOSE: \d+ file\(s\), \d+\.\d[KM]iB$/m);
    const failed = await place.run(["-d", "pull", "oci:nowhere"]);
    expect(failed.stderr).toMatch(/^DEBUG: {3} +at /m);
    expect(failed.stderr.split("\n").at(-2)).toMatch(/^FATAL: /);
  });

  it("tell once that a variable of Singularity's is used", async (context) => {
    const end = await (await createWorkplace(context)).run(["pull", HELLO], {
      env: { SINGULARITY_DISABLE_CACHE: "1", SINGULARITY_NOHTTPS: "1" },
    });
    const said = end.stderr.split("\n").filter((line) => line.includes("Environment variable"));
    expect(said).toContain(
      "INFO:    Environment variable SINGULARITY_NOHTTPS is set, but APPTAINER_NOHTTPS is preferred",
    );
    expect(new Set(said).size).toBe(said.length);
  });
});

function expectLines(text: string, expected: readonly (string | RegExp)[]): void {
  const lines = text.split("\n");
  expect(lines.pop()).toBe("");
  expect(lines.length, text).toBe(expected.length);
  for (const [i, line] of lines.entries()) {
    const pattern = expected[i] as string | RegExp;
    if (typeof pattern === "string") expect(line).toBe(pattern);
    else expect(line).toMatch(pattern);
  }
}

describe.concurrent("where the output goes", () => {
  it.for([
    ["the reference's name", [], {}, "image_latest.sif"],
    ["an argument", ["mine.sif"], {}, "mine.sif"],
    ["--name", ["--name", "named"], {}, "named"],
    ["--dir", ["--dir", "sub"], {}, "sub/image_latest.sif"],
    ["--dir and an argument", ["--dir", "sub", "mine.sif"], {}, "sub/mine.sif"],
    ["a variable", [], { APPTAINER_PULLDIR: "sub" }, "sub/image_latest.sif"],
    ["an old variable", [], { SINGULARITY_PULLFOLDER: "sub", SINGULARITY_PULL_NAME: "n" }, "sub/n"],
  ] as const)("pull: %s", async ([, args, env, expected], context) => {
    const place = await createWorkplace(context);
    await mkdir(join(place.out, "sub"));
    const end = await place.run(["pull", ...args, HELLO], { env });
    expect(end.code, end.stderr).toBe(0);
    const { mode, size } = await stat(join(place.out, expected));
    // oxlint-disable-next-line typescript/no-deprecated -- read once, in a test that starts no threads
    expect(mode & 0o777).toBe(0o777 & ~process.umask());
    expect(size % 4096).toBe(0);
  });

  it.for([
    ["v1.0", "ep_v1.0.sif"],
    ["latest", "ep_latest.sif"],
  ] as const)("pull: a registry's tag %s", async ([tag, expected], context) => {
    const registry = await createRegistry(context);
    registry.tags.set(tag, registry.tags.get("latest") as `sha256:${string}`);
    const place = await createWorkplace(context);
    const end = await place.run(["pull", "--nohttps", `docker://${registry.host}/foo/ep:${tag}`]);
    expect(end.code, end.stderr).toBe(0);
    expect(await readdir(place.out)).toEqual([expected]);
  });

  it("an existing file is refused before anything is fetched, and replaced with --force", async (context) => {
    const registry = await createRegistry(context);
    const place = await createWorkplace(context);
    await putFile(place, "x.sif", "precious");
    const uri = `docker://${registry.host}/some/image`;
    const files = { "x.sif": "precious" };
    const refusals = {
      pull: /^FATAL: {3}Image file already exists: "x\.sif" - will not overwrite$/,
      build:
        /^FATAL: {3}While checking build target: build target 'x\.sif' already exists\. Use --force if you want to overwrite it$/,
    };
    for (const [command, says] of Object.entries(refusals)) {
      const end = await place.run([command, "--no-https", "x.sif", uri]);
      await expectFailure(place, end, { says: [says], files });
    }
    expect(registry.requests).toEqual([]);
    const forced = await place.run(["pull", "--no-https", "x.sif", uri], { env: { SIFON_FORCE: "1" } });
    expect(forced.code, forced.stderr).toBe(0);
    expect((await readFile(join(place.out, "x.sif"))).toString("latin1", 32, 41)).toBe("SIF_MAGIC");
  });

  it.runIf(process.geteuid?.() === 0)("under sudo, to the one who called it", async (context) => {
    const place = await createWorkplace(context);
    const sudo = { SUDO_UID: "12345", SUDO_GID: "23456", SUDO_COMMAND: "/usr/local/bin/sifon pull x" };
    await place.run(["pull", "mine.sif", HELLO], { env: sudo });
    expect(await stat(join(place.out, "mine.sif"))).toMatchObject({ uid: 12345, gid: 23456 });
    for (const env of [
      { ...sudo, SUDO_COMMAND: "/bin/bash" },
      { ...sudo, SUDO_GID: "-1" },
    ]) {
      await place.run(["pull", "-F", "mine.sif", HELLO], { env });
      expect(await stat(join(place.out, "mine.sif"))).toMatchObject({ uid: 0, gid: 0 });
    }
  });

  it("standard output as a file, a pipe and appended: the same bytes", async (context) => {
    const place = await createWorkplace(context);
    const env = { ...place.env, SIFON: `${process.execPath} ${SIFON_MAIN} -q build`, HELLO };
    const line = `$SIFON named $HELLO && $SIFON - $HELLO >file && $SIFON - $HELLO | cat >pipe &&
      printf head >appended && $SIFON - $HELLO >>appended && $SIFON /dev/stdout $HELLO | cat >device`;
    const { code, stderr } = await runCommand("sh", ["-c", line], { cwd: place.out, env });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const read = (name: string) => readFile(join(place.out, name));
    const digest = sha256(await read("named"));
    for (const name of ["file", "pipe", "device"]) expect(sha256(await read(name)), name).toBe(digest);
    expect(sha256((await read("appended")).subarray(4))).toBe(digest);
    expect(await readdir(place.tmp)).toEqual([]);
    expect((await readdir(place.out)).sort()).toEqual(["appended", "device", "file", "named", "pipe"]);
  });
});

describe.concurrent("--json", () => {
  it("writes documented objects alone, one a line", async (context) => {
    const place = await createWorkplace(context);
    const good = await place.run(["-v", "build", "--json", "x.sif", HELLO]);
    const bad = await place.run(["pull", "x.sif", "oci:nowhere"], {
      env: { SIFON_JSON_EVENTS: "1", SIFON_FORCE: "1" },
    });
    const events = parseLines(good.stderr);
    const failure = parseLines(bad.stderr);
    const documented = new Map(
      [...(await readFile(DOCUMENT, "utf8")).matchAll(/^\| `([a-z-]+)` *\| (.*?) \|/gm)].map(([, kind, members]) => [
        kind as string,
        [...(members as string).matchAll(/`(\w+)`/g)].map(([, name]) => name as string),
      ]),
    );
    for (const { time, kind, ...members } of [...events, ...failure]) {
      expect(time).toBeGreaterThan(1.7e12);
      expect(documented.get(kind), kind).toEqual(expect.arrayContaining(Object.keys(members)));
    }
    expect(events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["image", "blob-start", "blob-end", "done"]));
    expect(events.filter(({ kind }) => kind === "log").length).toBeGreaterThan(0);
    expect(failure.at(-1)).toMatchObject({ kind: "error", code: "LAYOUT_NOT_FOUND", exitCode: 255 });
  });

  it("has each kind of event in its document", async () => {
    const events = await readFile(fileURLToPath(new URL("../../src/progress.ts", import.meta.url)), "utf8");
    const kinds = [...events.matchAll(/readonly kind: "([a-z-]+)"/g)].map(([, kind]) => kind);
    const rows = [...(await readFile(DOCUMENT, "utf8")).matchAll(/^\| `([a-z-]+)` *\|/gm)].map(([, kind]) => kind);
    expect(rows).toHaveLength(kinds.length + 2);
    expect(new Set(rows)).toEqual(new Set([...kinds, "log", "error"]));
  });

  it("ends with the code of a refusal", async (context) => {
    const place = await createWorkplace(context);
    await putFile(place, "x", "");
    const end = await place.run(["build", "--json", "x", HELLO]);
    expect(parseLines(end.stderr)).toMatchObject([{ kind: "error", code: "REFUSED", exitCode: 255 }]);
  });
});

function parseLines(text: string): { time: number; kind: string; [member: string]: unknown }[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe.concurrent("SOURCE_DATE_EPOCH", () => {
  const run = async (context: Parameters<typeof createWorkplace>[0], epoch: string | undefined) => {
    const place = await createWorkplace(context);
    const end = await place.run(["build", "x.sif", HELLO], { env: { SOURCE_DATE_EPOCH: epoch } });
    expect(end.code, end.stderr).toBe(0);
    return sha256(await readFile(join(place.out, "x.sif")));
  };

  it("changes the bytes, each value its own way; empty is unset", async (context) => {
    const [none, empty, first, again, second] = await Promise.all(
      [undefined, "", "1000000000", "1000000000", "1000000001"].map((epoch) => run(context, epoch)),
    );
    expect(empty).toBe(none);
    expect(again).toBe(first);
    expect(new Set([none, first, second]).size).toBe(3);
  });

  it.for(["never", "-1", "1.5", "0x10"])("%j is refused before anything is fetched", async (epoch, context) => {
    const registry = await createRegistry(context);
    const place = await createWorkplace(context);
    const args = ["pull", "--no-https", `docker://${registry.host}/some/image`];
    const end = await place.run(args, { env: { SOURCE_DATE_EPOCH: epoch } });
    await expectFailure(place, end, { says: [`SOURCE_DATE_EPOCH is "${epoch}"`, "seconds since 1970"] });
    expect(registry.requests).toEqual([]);
  });
});

describe.concurrent("a hundred layers", () => {
  it("pass without a warning of Node's", async (context) => {
    const layers = Array.from({ length: 100 }, (_, i) =>
      gzipSync(tar(entry({ name: `f${i}` }, `${i}`), header({ name: "d/", type: "5" }))),
    );
    const registry = await createRegistry(context, { layers });
    const place = await createWorkplace(context);
    const end = await place.run(["pull", "--no-https", "x.sif", `docker://${registry.host}/some/image`]);
    expect(end.code, end.stderr).toBe(0);
    expect(end.stderr.match(/^Copying blob/gm)).toHaveLength(100);
    expectHygiene(end);
  });
});
