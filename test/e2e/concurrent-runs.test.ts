import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf, makeImage } from "../support/registry-image.ts";
import { type FakeRegistry, startFakeRegistry } from "../support/registry-server.ts";
import { busybox, busyboxLayer } from "../support/runnable-image.ts";
import { sifon } from "../support/sifon.ts";
import { requireTool } from "../support/tools.ts";

const RUNS = 100;
/** What runs in the background ends with its own run, and with no other: namespaces' numbers are used again. */
const ENTRYPOINT = 'sleep 640 & echo "answer $0"; exit $1';
const ready = [busybox, requireTool("bwrap", "bubblewrap"), requireTool("squashfuse_ll", "squashfuse")].every(
  (tool) => tool !== undefined,
);

describe.skipIf(!ready)("many runs of one image by its URI at once", () => {
  let folder: string;
  let registry: FakeRegistry;
  let uri: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-concurrent-"));
    registry = await startFakeRegistry();
    const layer = await busyboxLayer();
    registry.push(
      await makeImage({
        ...{ layers: [layer], diffIds: [digestOf(gunzipSync(layer))] },
        config: { Env: ["PATH=/bin"], Entrypoint: ["/bin/sh", "-c", ENTRYPOINT] },
      }),
    );
    uri = `docker://${registry.host}/image`;
  });
  afterAll(async () => {
    await registry.close();
    await rm(folder, { recursive: true, force: true });
  });

  const run = (...words: string[]) =>
    sifon(["run", "--no-https", ...words], {
      ...{ cwd: folder, env: { SIFON_CACHEDIR: join(folder, "cache"), TMPDIR: folder } },
    });
  /** Requests since the last call: `METHOD kind` and how many of them. */
  const requests = () => {
    const counts: Record<string, number> = {};
    for (const { method, url } of registry.requests.splice(0)) {
      const kind = `${method} ${/\/(manifests|blobs)\//.exec(url)?.[1] ?? url}`;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
    return counts;
  };

  it("converts once, answers each, and leaves no mount and no process", async () => {
    const runs = Array.from({ length: RUNS }, (_, index) => run(uri, `of ${index}`, `${index % 7}`));
    const results = await Promise.all(runs);
    expect(results.map(({ code, stdout }) => ({ code, stdout }))).toEqual(
      results.map((_, index) => ({ code: index % 7, stdout: `answer of ${index}\n` })),
    );
    expect(results.filter(({ stderr }) => /^INFO: {4}Converting OCI blobs/m.test(stderr))).toHaveLength(1);
    expect(results.filter(({ stderr }) => /^INFO: {4}Using cached SIF image$/m.test(stderr))).toHaveLength(RUNS - 1);
    expect(results.map(({ stderr }) => stderr.replace(/^(INFO: |Copying ).*\n/gm, "")).join("")).toBe("");
    // A manifest, a configuration and a layer are fetched once; all ask whether the tag is where it was.
    expect(requests()).toMatchObject({ "HEAD manifests": RUNS, "GET manifests": 1, "GET blobs": 2 });
    expect(await readFile("/proc/self/mountinfo", "utf8")).not.toContain(folder);
    // The kernel takes a moment to clear away a process that has ended.
    await expect.poll(() => processesWith(folder)).toEqual([]);
    expect(await readdir(folder)).toEqual(["cache"]);
    expect(await readdir(join(folder, "cache/cache/oci-tmp"))).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  });

  it("asks with one HEAD request while the image is fresh, and nothing with --offline", async () => {
    const words = ["it's  $HOME", "3"];
    const answer = { stdout: "answer it's  $HOME\n", code: 3 };
    expect(await run("--no-eval", uri, ...words)).toMatchObject(answer);
    expect(requests()).toEqual({ "HEAD manifests": 1 });
    expect(await run("--offline", "--no-eval", uri, ...words)).toMatchObject(answer);
    expect(requests()).toEqual({});
    const unknown = await run("--offline", `${uri}:other`);
    expect(unknown.code).toBe(255);
    expect(unknown.stderr).toMatch(
      /^FATAL: {3}.*:other is not in the cache at ".*", and no request is allowed\. Run it once without --offline\./,
    );
    expect(requests()).toEqual({});
  });

  it("converts anew where the tag has moved, by digest what it was", async () => {
    const former = [...registry.tags.values()][0];
    const layers = [await busyboxLayer({ "etc/next": { content: "next\n" } })];
    const next = await makeImage({ layers, diffIds: [], config: { Env: ["PATH=/bin"], Entrypoint: ["/bin/cat"] } });
    registry.push(next);
    expect(await run(uri, "/etc/next")).toMatchObject({ stdout: "next\n", code: 0 });
    expect(requests()).toMatchObject({ "GET manifests": 1 });
    expect(await run(`${uri}@${former}`, "as before", "0")).toMatchObject({ stdout: "answer as before\n", code: 0 });
    // The digest is the answer to what would be asked.
    expect(requests()).toEqual({});
  });
});

/** Command lines of the processes that have the folder in them. */
async function processesWith(folder: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(folder));
}
