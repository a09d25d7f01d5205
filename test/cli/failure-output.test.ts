import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { runCommand } from "../support/command.ts";
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
    ["SIGINT", "while the registry is silent", silence, /Copying blob/],
    ["SIGTERM", "in the wait for another try", refusal, /try 2 of 6/],
  ] as const)("%s %s leaves the old file and nothing else", async ([signal, , fault, when], context) => {
    const registry = await createRegistry(context, { layers: [LAYER] });
    registry.faults.push(fault);
    const place = await createWorkplace(context);
    await putFile(place, "x.sif", "precious");
    const run = place.start(["build", "--no-https", "-F", "x.sif", `docker://${registry.host}/some/image`]);
    await run.said(when);
    await expect.poll(() => registry.requests.some(({ url }) => url.includes(LAYER_DIGEST))).toBe(true);
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
      says: ["standard output", /at byte \d+/, "no space is left", "Free some space"],
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
    await expectFailure(place, end, { says: ["absent", /ENOENT|no such file/] });
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
    ["in a directory that does not exist", "absent/x.sif", [/absent\/x\.sif/, /no such file/]],
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
