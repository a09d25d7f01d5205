import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BlobCache } from "../../src/cache/blob-cache.ts";
import type { ProgressEvent } from "../../src/progress.ts";
import { createSource } from "../../src/source/open-source.ts";
import type { SourceOptions } from "../../src/source/options.ts";
import { digestOf, makeImage, makeLayer } from "../support/registry-image.ts";
import { type FakeRegistry, guardWith, onPath, sendError, startFakeRegistry } from "../support/registry-server.ts";
import { CLOSED_PORT } from "../support/service.ts";
import { fileTar } from "../tar/file-tar.ts";
import { never, pullAll, QUICK, WAYS, type Way } from "./pull.ts";

/** A lower layer that comes in many pieces, and the byte where it breaks off. */
const LARGE: Buffer = fileTar(randomBytes(300_000));
const HALF = 150_000;
const LARGE_DIGEST = digestOf(LARGE);

let folder: string;
let mirror: FakeRegistry;
let second: FakeRegistry;
let registry: FakeRegistry;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-mirrors-"));
  [mirror, second, registry] = await Promise.all([startFakeRegistry(), startFakeRegistry(), startFakeRegistry()]);
  const image = await makeImage({ layers: [LARGE, await makeLayer({ "etc/top": "top" })] });
  for (const each of [mirror, second, registry]) each.push(image);
});
afterEach(async () => {
  await Promise.all([mirror, second, registry].map((each) => each.close()));
  await rm(folder, { recursive: true });
});

/** Pulls `registry.example/team/app`, whose location is the registry and whose mirrors are the given hosts. */
async function pull(mirrors: readonly string[], options: SourceOptions = {}, tag = "latest", way?: Way) {
  const conf = [
    `[[registry]]\nprefix = "registry.example"\nlocation = "${registry.host}/here"\ninsecure = true`,
    ...mirrors.map((host) => `[[registry.mirror]]\nlocation = "${host}/copy"\ninsecure = true`),
  ].join("\n");
  const path = join(folder, "registries.conf");
  await writeFile(path, conf);
  const events: ProgressEvent[] = [];
  const env = { ...QUICK.env, CONTAINERS_REGISTRIES_CONF: path, ...options.env };
  const onProgress = (event: ProgressEvent) => events.push(event);
  const uri = `docker://registry.example/team/app:${tag}`;
  const layers = await pullAll(
    createSource(uri, { ...QUICK, noHttps: false, ...options, env, onProgress }),
    never,
    way,
  ).catch((error: unknown) => error as Error);
  const warnings = events.flatMap((event) => (event.kind === "warning" ? [event.message] : []));
  return { layers, warnings, events };
}

/** The mirror gives this answer to everything. */
const spoilt = (answer: (response: ServerResponse) => void) =>
  mirror.faults.push((_, response) => {
    answer(response);
    return true;
  });

/** What a registry was asked for beyond its greeting, each path once. */
const asked = ({ requests }: FakeRegistry) => [...new Set(requests.map(({ url }) => url.replace(/sha256:.*/, "…")))];

describe("mirrors", () => {
  it("give all of the image, and the registry is not asked", async () => {
    const { layers } = await pull([mirror.host, second.host]);
    expect(layers).toHaveLength(2);
    expect(asked(mirror)).toEqual(["/v2/copy/team/app/manifests/latest", "/v2/copy/team/app/blobs/…"]);
    expect([...asked(second), ...asked(registry)]).toEqual([]);
  });

  it.each([
    ["lacks the image", () => mirror.tags.clear(), "manifest unknown"],
    ["is down", () => spoilt((response) => sendError(response, 503, "X", "down")), "status 503"],
    [
      "answers in HTML",
      () => spoilt((response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>")),
      "HTML page",
    ],
    ["asks for a password", () => mirror.faults.push(guardWith('Basic realm="r"', () => false)), "unauthorized"],
    [
      "lacks the config",
      () => mirror.faults.push(onPath("/blobs/", (_, r) => sendError(r, 404, "BLOB_UNKNOWN", "gone"))),
      "blob unknown",
    ],
  ])("that %s is passed over, which is told", async (_, spoil, reason) => {
    spoil();
    const { layers, warnings } = await pull([mirror.host, second.host]);
    expect(layers).toHaveLength(2);
    expect(warnings.at(-1)).toContain(reason);
    expect(warnings.at(-1)).toContain(`Trying ${second.host}/copy/team/app`);
    expect(asked(registry)).toEqual([]);
  });

  it("that are not there leave the registry", async () => {
    const { layers, warnings } = await pull([`127.0.0.1:${CLOSED_PORT}`]);
    expect(layers).toHaveLength(2);
    expect(warnings.at(-1)).toContain(`Trying ${registry.host}/here/team/app`);
    expect(asked(registry)).toContain("/v2/here/team/app/manifests/latest");
  });

  const ENDS: Readonly<Record<string, (response: ServerResponse) => void>> = {
    dies: (response) => void response.destroy(),
    "loses the layer": (response) => sendError(response, 404, "BLOB_UNKNOWN", "gone"),
  };
  it.each([
    ["dies", "this thread", undefined],
    ["dies", "layer threads", undefined],
    ["loses the layer", "this thread", undefined],
    ["loses the layer", "layer threads", undefined],
    ["dies", "this thread", "cache"],
    ["dies", "layer threads", "cache"],
  ] as const)(
    "that %s in the middle of a layer that %s read leave the rest to the next, from that byte on (%#)",
    async (end, way, kept) => {
      const cache =
        kept === undefined
          ? undefined
          : await BlobCache.open({ env: { SIFON_CACHEDIR: join(folder, kept) }, write: true });
      let broken = false;
      // Half of the lower layer comes; from then on the mirror is no good for anything.
      mirror.faults.push((request, response) => {
        if (broken) {
          ENDS[end]?.(response);
          return true;
        }
        if (!request.url.endsWith(LARGE_DIGEST)) return false;
        broken = true;
        response.writeHead(200, { "content-length": LARGE.length });
        response.write(LARGE.subarray(0, HALF), () => setTimeout(() => response.destroy(), 20));
        return true;
      });
      const { layers, warnings } = await pull(
        [mirror.host, second.host],
        cache === undefined ? {} : { cache },
        "latest",
        way,
      );
      expect((layers as Buffer[])[0]?.equals(LARGE)).toBe(true);
      expect(broken).toBe(true);
      const ranges = second.requests.filter(({ url }) => url.endsWith(LARGE_DIGEST));
      expect(ranges.map(({ headers }) => headers.range)).toEqual([`bytes=${HALF}-`]);
      expect(warnings.join("\n")).toContain(`Trying ${second.host}/copy/team/app now`);
      expect(asked(registry)).toEqual([]);
    },
  );

  it.each(WAYS)("that all fail in the middle of a layer end in the last one's error, read by %s", async (way) => {
    for (const each of [mirror, registry]) {
      each.faults.push(onPath(LARGE_DIGEST, (_, response) => void response.destroy()));
    }
    const { layers } = await pull([mirror.host], {}, "latest", way);
    expect(layers).toMatchObject({ message: expect.stringContaining(`${registry.host}/here`) });
  });

  it("that all fail leave the registry's own error", async () => {
    for (const each of [mirror, registry]) each.tags.clear();
    const { layers } = await pull([mirror.host], {}, "none");
    expect(layers).toMatchObject({
      code: "MANIFEST_UNKNOWN",
      message: expect.stringContaining(`${registry.host}/here`),
    });
  });

  it("on other hosts are not shown credentials that are given by hand; the registry is", async () => {
    for (const each of [mirror, registry]) {
      each.faults.push(guardWith('Basic realm="r"', (shown) => shown !== undefined));
    }
    const { layers } = await pull([mirror.host], {
      credentials: { username: "me", password: "PASS" },
      env: { DOCKER_USERNAME: "me" },
    });
    expect(layers).toHaveLength(2);
    expect(mirror.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    expect(registry.requests.some(({ headers }) => headers.authorization !== undefined)).toBe(true);
  });

  it("get what is stored for them", async () => {
    mirror.faults.push(guardWith('Basic realm="r"', (shown) => shown !== undefined));
    const authFile = join(folder, "auth.json");
    const auth = Buffer.from("you:PASS").toString("base64");
    await writeFile(authFile, JSON.stringify({ auths: { [mirror.host]: { auth } } }));
    await pull([mirror.host], { credentials: { authFile } });
    expect(mirror.requests.at(-1)?.headers.authorization).toBe(`Basic ${auth}`);
    expect(asked(registry)).toEqual([]);
  });
});

it("a rewritten location that is not marked insecure is asked by TLS only", async () => {
  const path = join(folder, "registries.conf");
  await writeFile(path, `[[registry]]\nprefix = "registry.example"\nlocation = "${registry.host}"`);
  const env = { ...QUICK.env, CONTAINERS_REGISTRIES_CONF: path };
  const source = createSource("docker://registry.example/x", { ...QUICK, noHttps: false, env });
  await expect(pullAll(source)).rejects.toMatchObject({ code: "TLS_NOT_SPOKEN" });
  expect(registry.requests).toEqual([]);
});
