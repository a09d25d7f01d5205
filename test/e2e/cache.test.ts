import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mustRun } from "../support/command.ts";
import { makeImage } from "../support/registry-image.ts";
import { type FakeRegistry, type Fault, startFakeRegistry } from "../support/registry-server.ts";
import { mustSifon, SIFON_MAIN, type SifonProcess, sifon, startSifon } from "../support/sifon.ts";
import { requireRoot } from "../support/squashfs-mount.ts";
import { requireTool } from "../support/tools.ts";
import { entry, tar } from "../tar/tar-bytes.ts";

/** A layer of bytes that stay as many. */
const layer = (name: string, size: number) => gzipSync(tar(entry({ name }, randomBytes(size))), { level: 1 });

let folder: string;
let registry: FakeRegistry;
let env: Readonly<Record<string, string>>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-e2e-cache-"));
  for (const name of ["home", "tmp"]) await mkdir(join(folder, name));
  env = { HOME: join(folder, "home"), TMPDIR: join(folder, "tmp") };
  registry = await startFakeRegistry();
});
afterEach(async () => {
  await registry.close();
  await rm(folder, { recursive: true, force: true });
});

const uri = (tag: string) => `docker://${registry.host}/some/image:${tag}`;
const pull = (output: string, tag: string, ...options: string[]) => [
  "pull",
  "--no-https",
  "--workers",
  "0",
  "--fast",
  ...options,
  join(folder, output),
  uri(tag),
];

/** Sends layers so slowly that a process can be killed in the midst of one. */
const slowly: Fault = (request, response) => {
  const bytes = registry.blobs.get(request.url.split("/").at(-1) as `${string}:${string}`);
  if (!request.url.includes("/blobs/") || bytes === undefined || bytes.length < 100_000) return false;
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "bytes=0-")?.[1]);
  response.writeHead(start === 0 ? 200 : 206, {
    "content-length": bytes.length - start,
    ...(start === 0 ? {} : { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
  void (async () => {
    for (let at = start; at < bytes.length && !response.destroyed; at += 65_536) {
      response.write(bytes.subarray(at, at + 65_536));
      await sleep(10);
    }
    response.end();
  })();
  return true;
};

describe("one cache", () => {
  it("serves twenty pulls of overlapping images at once, ten of them killed", { timeout: 280_000 }, async () => {
    const [base, runtime] = [layer("base", 3_000_000), layer("runtime", 2_000_000)];
    const tags = ["a", "b", "c", "d"];
    for (const tag of tags) {
      const layers = [base, ...(tag < "c" ? [runtime] : []), layer(tag, 1_000_000)];
      registry.push(await makeImage({ layers, diffIds: [] }), tag);
    }
    const expected = new Map<string, Buffer>();
    for (const tag of tags) {
      await mustSifon(pull(`${tag}.sif`, tag), { env });
      expected.set(tag, await readFile(join(folder, `${tag}.sif`)));
    }
    registry.faults.push(slowly);
    const runs = Array.from({ length: 20 }, (_, i) => {
      const tag = tags[i % tags.length] as string;
      const run: SifonProcess = startSifon(pull(`${i}.sif`, tag, "--cache"), { env });
      return { name: `${i}.sif`, tag, run, killed: (i + Math.floor(i / tags.length)) % 2 === 1 };
    });
    // Each a while after it has begun a blob, or found one: in all kinds of moments.
    const kills = runs.map(async ({ run, killed }, i) => {
      if (!killed) return;
      await run.said(/ blob sha256/);
      await sleep(i * 25);
      run.child.kill("SIGKILL");
    });
    await Promise.all(kills);
    const check = async (name: string, tag: string) =>
      expect((await readFile(join(folder, name))).equals(expected.get(tag) as Buffer), name).toBe(true);
    for (const { name, tag, run, killed } of runs) {
      const { code, signal, stderr } = await run.ended;
      // One that was done before its kill is as good as the others.
      if (killed && signal === "SIGKILL") continue;
      expect(code, stderr).toBe(0);
      await check(name, tag);
    }
    expect(runs.filter(({ run }) => run.child.signalCode === "SIGKILL").length).toBeGreaterThan(0);
    expect((await mustSifon(["cache", "verify"], { env })).stdout).toContain("; 0 damaged\n");

    registry.requests.length = 0;
    for (const tag of tags) {
      await mustSifon(pull(`again-${tag}.sif`, tag, "--cache"), { env });
      await check(`again-${tag}.sif`, tag);
    }
    expect(registry.requests.filter(({ method }) => method !== "HEAD")).toEqual([]);
    expect(await readdir(join(folder, "home", ".sifon", "cache", "blob", "partial"))).toEqual([]);
  });

  it("goes on with the blobs of a run that was killed", async () => {
    const big = layer("big", 4_000_000);
    registry.push(await makeImage({ layers: [big], diffIds: [] }), "a");
    registry.faults.push(slowly);
    const run = startSifon(pull("killed.sif", "a", "--cache"), { env });
    const partial = join(folder, "home", ".sifon", "cache", "blob", "partial");
    await run.said(/Copying blob/);
    const received = async () => {
      const [name] = await readdir(partial);
      return name === undefined ? 0 : (await stat(join(partial, name))).size;
    };
    await expect.poll(received).toBeGreaterThan(0);
    run.child.kill("SIGKILL");
    await run.ended;
    registry.requests.length = 0;
    const { stderr } = await mustSifon(pull("whole.sif", "a", "--cache"), { env });
    expect(stderr).toMatch(/^Resuming blob sha256:[0-9a-f]+ at [\d.]+[KM]?i?B of 3\.8MiB, from an earlier run$/m);
    expect(registry.requests.filter(({ headers }) => headers.range !== undefined)).toHaveLength(1);
    await mustSifon(pull("plain.sif", "a", "--disable-cache"), { env });
    const [whole, plain] = await Promise.all(["whole", "plain"].map((name) => readFile(join(folder, `${name}.sif`))));
    expect((whole as Buffer).equals(plain as Buffer)).toBe(true);
  });
});

const strace = requireTool("strace");

describe.skipIf(strace === undefined)("without a cache", () => {
  it("no file but the output is written", async () => {
    registry.push(await makeImage({ layers: [layer("a", 500_000), layer("b", 500_000)], diffIds: [] }), "a");
    const log = join(folder, "strace.log");
    const calls =
      "trace=open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,mknod,mknodat,truncate,unlink,unlinkat";
    const args = [...["-f", "-qq", "-s", "4096", "-o", log, "-e", calls], process.execPath, SIFON_MAIN];
    await mustRun(strace as string, [...args, ...pull("out.sif", "a")], { env });
    const changed = new Set<string>();
    for (const line of (await readFile(log, "utf8")).split("\n")) {
      if (!/ = \d+/.test(line) && !/unfinished/.test(line)) continue;
      const opened = /\b(?:open|openat|openat2)\(/.test(line);
      if (opened && !/O_WRONLY|O_RDWR|O_CREAT/.test(line)) continue;
      for (const [, path = ""] of line.matchAll(/"([^"]*)"/g)) changed.add(path);
    }
    const left = [...changed].filter((path) => !path.startsWith("/dev/"));
    const output = join(folder, "out.sif");
    expect(left.filter((path) => path !== output && !/\/\.out\.sif\.[0-9a-f]+-\d+-[0-9a-f]+\.tmp$/.test(path))).toEqual(
      [],
    );
    expect(left).toContain(output);
    expect((await readdir(folder)).sort()).toEqual(["home", "out.sif", "strace.log", "tmp"]);
    for (const name of ["home", "tmp"]) expect(await readdir(join(folder, name))).toEqual([]);
  });
});

describe.skipIf(!requireRoot())("a file system that is too small", () => {
  let small: string;
  beforeEach(async () => {
    small = join(folder, "small");
    await mkdir(small);
    await mustRun("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", small]);
    registry.push(await makeImage({ layers: [layer("big", 3_000_000)], diffIds: [] }), "a");
  });
  afterEach(() => mustRun("umount", [small]));

  it("refuses the image before a layer is fetched", async () => {
    const { code, stderr } = await sifon(pull("small/x.sif", "a"), { env });
    expect(stderr).toMatch(
      /FATAL: .*Not enough space in ".*\/small": 1\.0 MiB are free, the image will need about 2\.9 MiB/,
    );
    expect(code).toBe(255);
    expect(registry.requests.filter(({ url }) => url.includes("/blobs/"))).toHaveLength(1);
    expect(await readdir(small)).toEqual([]);
  });

  it("lets --ignore-space try, and leaves nothing", async () => {
    const { code, stderr } = await sifon(pull("small/x.sif", "a", "--ignore-space"), { env });
    expect(stderr).toMatch(/FATAL: .*no space left/);
    expect(code).toBe(255);
    expect(await readdir(small)).toEqual([]);
  });

  it("for the cache costs only the cache", async () => {
    const { stderr } = await mustSifon(pull("x.sif", "a", "--cache"), { env: { ...env, SIFON_CACHEDIR: small } });
    expect(stderr).toMatch(
      /^WARNING: Cache disabled - \d+ bytes are free at .*\/small\/cache, this image needs \d+\.$/m,
    );
    expect(await readdir(join(small, "cache", "blob", "partial"))).toEqual([]);
  });
});
