import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetch } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCuttingProxy } from "../support/cutting-proxy.ts";
import { IMAGE_STORE, provideImage } from "../support/debian-image.ts";
import { LOLCOW } from "../support/lolcow.ts";
import { type Registry, startRegistry } from "../support/registry.ts";
import { mustSifon, sifon } from "../support/sifon.ts";
import { requireRoot } from "../support/squashfs-mount.ts";
import { requireTool } from "../support/tools.ts";

const NEEDED = [["docker-registry"], ["debootstrap"], ["dockerd", "docker.io"], ["docker", "docker.io"]] as const;
const ready = NEEDED.map(([name, debianPackage]) => requireTool(name, debianPackage)).every(Boolean) && requireRoot();

describe.skipIf(!ready)("lolcow through connections that break every 2 MiB", () => {
  let folder: string;
  let registry: Registry;
  let path: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-cuts-"));
    registry = await startRegistry({ store: IMAGE_STORE });
    path = (await provideImage(registry, LOLCOW)).slice(registry.host.length);
  });
  afterAll(async () => {
    await registry?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("is the same image, with at most 1.05 times its bytes fetched", async () => {
    const bytes = await storedSize(`http://${registry.host}/v2${path}/manifests/latest`);
    const proxy = await startCuttingProxy(registry.host, 2 << 20);
    const [cut, whole] = [join(folder, "cut.sif"), join(folder, "whole.sif")];
    try {
      await mustSifon(["pull", "--no-https", "--disable-cache", cut, `docker://${proxy.host}${path}`]);
    } finally {
      proxy.close();
    }
    console.log(
      `image ${bytes} bytes, fetched ${proxy.forwarded()} (${(proxy.forwarded() / bytes).toFixed(4)} ×), ${proxy.cuts()} cuts`,
    );
    expect(proxy.cuts()).toBeGreaterThanOrEqual(Math.floor(bytes / (2 << 20)) - 1);
    expect(proxy.forwarded()).toBeLessThanOrEqual(bytes * 1.05);
    await mustSifon(["pull", "--no-https", "--disable-cache", whole, `docker://${registry.host}${path}`]);
    await mustSifon(["check", cut]);
    expect(await differences(cut, whole)).toEqual([]);
  });
});

/** Bytes of config and layers, as the manifest states them. */
async function storedSize(url: string): Promise<number> {
  const accept = "application/vnd.docker.distribution.manifest.v2+json";
  const manifest = (await (await fetch(url, { headers: { accept } })).json()) as {
    readonly config: { readonly size: number };
    readonly layers: readonly { readonly size: number }[];
  };
  return manifest.layers.reduce((sum, { size }) => sum + size, manifest.config.size);
}

/** What `sifon diff` tells of two images, but for what names their source. */
async function differences(a: string, b: string): Promise<readonly string[]> {
  const { stdout } = await sifon(["diff", a, b]);
  const lines = stdout.split("\n").filter(Boolean);
  return lines.filter((line) => !/^~ \/\.singularity\.d\/(Singularity|labels\.json):/.test(line));
}
