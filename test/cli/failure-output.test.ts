import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { lstat, mkdir, readdir, readFile, readlink, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { constants } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, type TestContext, vi } from "vitest";
import { temporaryName } from "../../src/sink/temporary-file.ts";
import { mustRun, runCommand } from "../support/command.ts";
import { digestOf } from "../support/registry-image.ts";
import { onPath, sendError } from "../support/registry-server.ts";
import { SIFON_MAIN } from "../support/sifon.ts";
import { entry, tar } from "../tar/tar-bytes.ts";
import {
  createRegistry,
  createWorkplace,
  expectFailure,
  expectHygiene,
  expectLeft,
  putFile,
  type Workplace,
} from "./workplace.ts";

/** A few MiB that stay that large: more than any pipe or buffer holds. */
const LAYER = gzipSync(tar(entry({ name: "data" }, randomBytes(3 << 20))), { level: 1 });
const LAYER_DIGEST = digestOf(LAYER);

/** Until the layer has been asked for: what is said of it comes earlier. */
async function layerRequest({ requests }: Awaited<ReturnType<typeof createRegistry>>): Promise<void> {
  await vi.waitUntil(() => requests.some(({ url }) => url.includes(LAYER_DIGEST)), { timeout: 60_000 });
}

/** Runs a shell line in which `$SIFON` is the command. */
async function shell({ out, env }: Workplace, line: string) {
  return runCommand("sh", ["-c", line], { cwd: out, env: { ...env, SIFON: `${process.execPath} ${SIFON_MAIN}` } });
}

describe.concurrent("a signal", () => {
  const half = onPath(LAYER_DIGEST, (_, response) => {
    response.writeHead(200, { "content-length": LAYER.length }).write(LAYER.subarray(0, LAYER.length >> 1));
  });
  const silence = onPath(LAYER_DIGEST, () => {});
  const refusal = onPath(LAYER_DIGEST, (_, response) => {
    response.setHeader("retry-after", "100");
    sendError(response, 503, "X", "down");
  });

  it.for([
    ["SIGINT", "in the middle of a blob", half, /Copying blob/],
    ["SIGTERM", "in the middle of a blob", half, /Copying blob/],
    ["SIGHUP", "in the middle of a blob", half, /Copying blob/],
    ["SIGQUIT", "in the middle of a blob", half, /Copying blob/],
    ["SIGINT", "while the registry is silent", silence, /Copying blob/],
    ["SIGTERM", "in the wait for another try", refusal, /try 2 of 6/],
  ] as const)("%s %s leaves the old file and nothing else", async ([signal, , fault, when], context) => {
    const registry = await createRegistry(context, { layers: [LAYER] });
    registry.faults.push(fault);
    const place = await createWorkplace(context);
    await putFile(place, "x.sif", "precious");
    const run = place.start(["build", "--no-https", "-F", "x.sif", `docker://${registry.host}/some/image`]);
    await run.said(when);
    await layerRequest(registry);
    run.child.kill(signal);
    await expectFailure(place, await run.ended, {
      code: 128 + constants.signals[signal],
      says: [`Interrupted by ${signal}`, "nothing was written"],
      files: { "x.sif": "precious" },
    });
  });

  it("reaches a build that writes to a pipe which nobody reads", async (context) => {
    const registry = await createRegistry(context, { layers: [LAYER] });
    const place = await createWorkplace(context);
    const uri = `docker://${registry.host}/some/image`;
    const line = `mkfifo p; exec 3<>p; $SIFON build --no-https - ${uri} >p & pid=$!
      until grep -q 'being sent' log; do sleep 0.1; done; kill -TERM $pid; wait $pid; echo code=$?`;
    const { stdout } = await shell(place, `{ ${line} ; } 2>log; cat log; rm p log`);
    expect(stdout).toMatch(/^FATAL: {3}Interrupted by SIGTERM: nothing was written$/m);
    expect(stdout).toContain("code=143");
    await expectLeft(place, {});
  });
});

describe.concurrent("standard output", () => {
  it.for([
    ["closed after a byte", "head -c 1"],
    ["closed at once", "true"],
  ] as const)("%s", async ([, reader], context) => {
    const registry = await createRegistry(context, { layers: [LAYER] });
    const place = await createWorkplace(context);
    const uri = `docker://${registry.host}/some/image`;
    const { stdout, stderr } = await shell(
      place,
      `{ $SIFON build --no-https - ${uri}; echo code=$? >&2; } | ${reader}`,
    );
    expect(stdout.length).toBeLessThanOrEqual(1);
    expect(stderr).toMatch(
      /^FATAL: {3}While performing build: Cannot write the standard output at byte \d+: whoever reads it closed it early\. Look/m,
    );
    expect(stderr).toMatch(/\ncode=255\n$/);
    await expectLeft(place, {});
  });

  it("that is full", async (context) => {
    const registry = await createRegistry(context, { layers: [LAYER] });
    const place = await createWorkplace(context);
    const full = openSync("/dev/full", "w");
    const args = ["build", "--no-https", "-", `docker://${registry.host}/some/image`];
    const end = await place.run(args, { stdio: ["ignore", full, "pipe"] });
    closeSync(full);
    await expectFailure(place, end, {
      says: ["standard output", /at byte \d+/, "no space left", "Free some space"],
    });
  });

  it("into a file is cut back to what it held", async (context) => {
    const registry = await createRegistry(context, { layers: [LAYER.subarray(0, 1 << 20)] });
    const place = await createWorkplace(context);
    const { stderr } = await shell(place, `{ echo before; $SIFON build --no-https - docker://${registry.host}/x; } >x`);
    expect(stderr).toContain(LAYER_DIGEST.slice(0, 7));
    await expectLeft(place, { x: "before\n" });
  });

  it("whose spool has no directory", async (context) => {
    const registry = await createRegistry(context);
    const place = await createWorkplace(context);
    const args = ["build", "--no-https", "-", `docker://${registry.host}/some/image`];
    const end = await place.run(args, { env: { TMPDIR: join(place.out, "absent") } });
    await expectFailure(place, end, {
      says: ["absent", "no such file", "Let TMPDIR name a directory that is there", "--tmpdir names one, too."],
    });
    expect(end.stdout.length).toBe(0);
  });
});

describe.concurrent("standard error", () => {
  it("closed early does not end the run", async (context) => {
    const registry = await createRegistry(context, { layers: [LAYER] });
    const place = await createWorkplace(context);
    const uri = `docker://${registry.host}/some/image`;
    const line = `{ $SIFON build --no-https x.sif ${uri} 2>&1 >/dev/null; echo code=$? >log; } | head -c 1`;
    await shell(place, line);
    expect(await readFile(join(place.out, "log"), "utf8")).toBe("code=0\n");
    const { stdout } = await shell(place, "ls -A; rm x.sif log");
    expect(stdout).toBe("log\nx.sif\n");
    await expectLeft(place, {});
  });
});

describe.concurrent("an output file", () => {
  it("that is longer than a limit allows", async (context) => {
    const registry = await createRegistry(context, { layers: [LAYER] });
    const place = await createWorkplace(context);
    const uri = `docker://${registry.host}/some/image`;
    const { stderr } = await shell(place, `ulimit -f 2048; $SIFON build --no-https x.sif ${uri}; echo code=$? >&2`);
    expect(stderr).toMatch(/^FATAL: .*"x\.sif" at byte \d+: the file system or a limit \(ulimit -f\)/m);
    expect(stderr).toMatch(/\ncode=255\n$/);
    await expectLeft(place, {});
  });

  it.for([
    [
      "in a directory that does not exist",
      "absent/x.sif",
      [/"absent\/x\.sif"/, /no such file/, 'The directory "absent" is not there: make it first'],
    ],
    ["with a slash behind it", "new/", ['"new/"', /directory/]],
    ["of too long a name", "n".repeat(256), [/name too long/]],
    ["below a file", "file/x.sif", [/file\/x\.sif/, /not a directory/i]],
    ["that is a directory", ".", [/"?\.?"? ?.*directory/]],
  ] as const)("%s is refused before anything is fetched", async ([, target, says], context) => {
    for (const command of ["pull", "build"]) {
      const registry = await createRegistry(context);
      const place = await createWorkplace(context);
      await putFile(place, "file", "");
      const end = await place.run([command, "--no-https", "-F", target, `docker://${registry.host}/some/image`]);
      await expectFailure(place, end, { says, files: { file: "" } });
      expect(registry.requests).toEqual([]);
    }
  });

  it("given by --dir, which does not exist", async (context) => {
    const place = await createWorkplace(context);
    await mkdir(join(place.out, "there"));
    const end = await place.run(["pull", "--dir", "nowhere", "docker://127.0.0.1:1/x"]);
    expect(end.code).toBe(255);
    expect(end.stderr).toMatch(/FATAL: .*nowhere\/x_latest\.sif/);
    expectHygiene(end);
  });
});

describe.concurrent("an output without a name", () => {
  it.for([
    [["build", "", "docker://127.0.0.1:1/x"], "build"],
    [["pull", "", "docker://127.0.0.1:1/x"], "pull"],
    [["convert", "in.sif", ""], "convert"],
  ] as const)("%j is wrong usage", async ([args, command], context) => {
    const place = await createWorkplace(context);
    const end = await place.run(args);
    expect(end.code).toBe(1);
    expect(end.stderr).toMatch(new RegExp(`^Error for command "${command}": the output's name is empty\n\nUsage:`));
    expectHygiene(end);
    await expectLeft(place, {});
  });
});

it("pull with URI and output in the wrong order is told which order is right", async (context) => {
  const place = await createWorkplace(context);
  const end = await place.run(["pull", "docker://127.0.0.1:1/x", "x.sif"]);
  expect(end.code).toBe(1);
  expect(end.stderr).toMatch(/^Error for command "pull": the output file stands in front of the URI\n\nUsage:/);
  await expectLeft(place, {});
});

describe.concurrent("a named pipe as output", () => {
  /** A pipe that nobody reads, outside the directory that is looked at; where it is, and what builds into it. */
  async function buildIntoPipe(context: TestContext, options: Parameters<typeof createRegistry>[1] = {}) {
    const registry = await createRegistry(context, options);
    const place = await createWorkplace(context);
    const path = join(place.out, "..", "pipe");
    await mustRun("mkfifo", [path]);
    const args = ["build", "--no-https", path, `docker://${registry.host}/some/image`];
    return { registry, place, path, start: () => place.start(args) };
  }

  it("ends with the first SIGTERM while an image is fetched", async (context) => {
    const { registry, place, start } = await buildIntoPipe(context, { layers: [LAYER] });
    registry.faults.push(onPath(LAYER_DIGEST, () => {}));
    const run = start();
    await run.said(/Copying blob/);
    run.child.kill("SIGTERM");
    await expectFailure(place, await run.ended, { code: 143, says: ["Interrupted by SIGTERM"] });
  });

  it("ends with the first SIGTERM while it waits for a reader", async (context) => {
    const { place, start } = await buildIntoPipe(context);
    const run = start();
    await run.said(/Nobody reads ".*\/pipe" yet: waiting for a reader/);
    run.child.kill("SIGTERM");
    await expectFailure(place, await run.ended, { code: 143, says: ["Interrupted by SIGTERM"] });
  });

  it("gives the image to a reader that comes late", async (context) => {
    const { place, path, start } = await buildIntoPipe(context);
    const run = start();
    await run.said(/waiting for a reader/);
    const [bytes, end] = await Promise.all([readFile(path), run.ended]);
    expect(end.code, end.stderr).toBe(0);
    expect(bytes.toString("latin1", 32, 41)).toBe("SIF_MAGIC");
    await expectLeft(place, {});
  });

  it("tells that its reader has gone", async (context) => {
    const { place, path, start } = await buildIntoPipe(context, { layers: [LAYER] });
    const run = start();
    const reader = runCommand("head", ["-c", "1", path]);
    const end = await run.ended;
    await reader;
    await expectFailure(place, end, { says: [`Cannot write "${path}" at byte `, "closed it early"] });
  });
});

describe.concurrent("a device as output", () => {
  it("that is full", async (context) => {
    const registry = await createRegistry(context);
    const place = await createWorkplace(context);
    const end = await place.run(["build", "--no-https", "/dev/full", `docker://${registry.host}/some/image`]);
    await expectFailure(place, end, { says: ['Cannot write "/dev/full" at byte 0: no space left'] });
  });

  it("that takes everything", async (context) => {
    const registry = await createRegistry(context);
    const place = await createWorkplace(context);
    const end = await place.run(["build", "--no-https", "/dev/null", `docker://${registry.host}/some/image`]);
    expect(end.code, end.stderr).toBe(0);
    await expectLeft(place, {});
  });

  it("that is a socket is refused", async (context) => {
    const place = await createWorkplace(context);
    const path = join(place.out, "..", "socket");
    const server = createServer().listen(path);
    context.onTestFinished(() => void server.close());
    await once(server, "listening");
    for (const command of ["pull", "build"]) {
      const end = await place.run([command, "-F", path, "docker://127.0.0.1:1/x"]);
      await expectFailure(place, end, { says: [`Cannot write '${path}': it is a socket`] });
    }
  });
});

describe.concurrent("a symlink as output", () => {
  async function linkTo(context: TestContext, target: string) {
    const registry = await createRegistry(context);
    const place = await createWorkplace(context);
    await putFile(place, "file", "precious");
    await symlink(target, join(place.out, "link"));
    const run = (command: string, ...options: string[]) =>
      place.run([command, "--no-https", ...options, "link", `docker://${registry.host}/some/image`]);
    return { place, run };
  }
  const cases = ["pull", "build"].flatMap((command) => [[command, "file"] as const, [command, "dangling"] as const]);

  it.for(cases)("%s --force replaces itself, where it leads to %s", async ([command, target], context) => {
    const { place, run } = await linkTo(context, target);
    const end = await run(command, "-F");
    expect(end.code, end.stderr).toBe(0);
    expect((await lstat(join(place.out, "link"))).isFile()).toBe(true);
    expect((await readdir(place.out)).sort()).toEqual(["file", "link"]);
    expect(await readFile(join(place.out, "file"), "utf8")).toBe("precious");
  });

  it.for(cases)("%s without --force refuses, where it leads to %s", async ([command, target], context) => {
    const { place, run } = await linkTo(context, target);
    const end = await run(command);
    expect(end.code).toBe(255);
    expect(end.stderr).toMatch(/^FATAL: .*already exists/m);
    expect(await readlink(join(place.out, "link"))).toBe(target);
  });
});

describe.concurrent("a run that was killed", () => {
  it.for([
    ["a SIF", [], "x.sif"],
    ["a sandbox", ["--sandbox"], "box"],
  ] as const)("leaves of %s what the next run to the same output removes", async ([, options, name], context) => {
    const registry = await createRegistry(context, { layers: [LAYER] });
    registry.faults.push(onPath(LAYER_DIGEST, (request) => request.count === 1));
    const place = await createWorkplace(context);
    const args = ["build", "--no-https", ...options, name, `docker://${registry.host}/some/image`];
    const first = place.start(args);
    await first.said(/Copying blob/);
    await layerRequest(registry);
    first.child.kill("SIGKILL");
    await first.ended;
    expect(await readdir(place.out)).toHaveLength(1);
    // Of another output, and of a process that lives, nothing is touched.
    await putFile(place, ".other.sif.0123456789ab-999999999-0123456789ab.tmp", "");
    await putFile(place, temporaryName(name), "");
    const others = (await readdir(place.out)).filter((left) => !left.includes(`-${first.child.pid}-`));
    const end = await place.run(args);
    expect(end.code, end.stderr).toBe(0);
    expect((await readdir(place.out)).sort()).toEqual([...others, name].sort());
  });
});
