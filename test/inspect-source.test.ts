import { describe, expect, it } from "vitest";
import { describeSource, sourceText } from "../src/inspect-source.ts";
import { requestPlatform } from "../src/oci/platform.ts";
import { createSource } from "../src/source/open-source.ts";
import { makeImage, makeIndex } from "./support/registry-image.ts";
import { startFakeRegistry } from "./support/registry-server.ts";

describe("describeSource()", () => {
  it("tells what is in an image of a registry, and asks for no layer", async ({ onTestFinished }) => {
    const registry = await startFakeRegistry();
    onTestFinished(() => registry.close());
    const image = await makeImage({ config: { Labels: { b: "2", a: "1" }, WorkingDir: "/w" } });
    registry.push(image);
    const source = createSource(`docker://${registry.host}/repo`, { noHttps: true });
    onTestFinished(() => source.close());
    const found = await describeSource(source);
    expect(found).toMatchObject({
      digest: image.descriptor.digest,
      platform: "linux/amd64",
      platforms: [],
      created: "2020-01-02T03:04:05Z",
      labels: { a: "1", b: "2" },
      config: { Env: ["PATH=/bin"], Cmd: ["sh"], WorkingDir: "/w" },
    });
    expect(found.layers).toHaveLength(2);
    expect(found.compressedSize).toBe(found.layers.reduce((sum, { size }) => sum + size, 0));
    expect(found.spaceNeeded).toBeGreaterThan(0);
    const layers = found.layers.map(({ digest }) => digest);
    expect(registry.requests.filter(({ url }) => layers.some((digest) => url.includes(digest)))).toEqual([]);
  });

  it("lists the platforms of an index, attestations aside", async ({ onTestFinished }) => {
    const registry = await startFakeRegistry();
    onTestFinished(() => registry.close());
    const platforms = [
      { os: "linux", architecture: "amd64" },
      { os: "linux", architecture: "arm", variant: "v7" },
    ];
    registry.push(await makeIndex(platforms, true));
    const platform = requestPlatform({ arch: "arm", variant: "7" });
    const source = createSource(`docker://${registry.host}/repo`, { noHttps: true, platform });
    onTestFinished(() => source.close());
    const found = await describeSource(source);
    expect(found).toMatchObject({ platform: "linux/arm/v7", platforms: ["linux/amd64", "linux/arm/v7"] });
    expect(sourceText(found, (size) => `${size} bytes`)).toContain("Platforms:    linux/amd64, linux/arm/v7\n");
  });
});
