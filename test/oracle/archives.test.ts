import { createReadStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSource } from "../../src/source/open-source.ts";
import type { SourceOptions } from "../../src/source/options.ts";
import { pullAll, QUICK } from "../source/pull.ts";
import { mustRun } from "../support/command.ts";
import { type Docker, startDocker } from "../support/docker.ts";
import { digestOf, makeImage, makeLayer, tagged, writeLayout } from "../support/registry-image.ts";
import { requireRoot } from "../support/squashfs-mount.ts";
import { requireTool } from "../support/tools.ts";

const has = (...names: string[]) => names.map((name) => requireTool(name)).every((path) => path !== undefined);

/** Layers as plain tars, whatever the way stored them: what all sources of one image have in common. */
async function pullTars(uri: string, options: SourceOptions = {}): Promise<string[]> {
  const layers = await pullAll(createSource(uri, { ...QUICK, ...options }));
  return layers.map((layer) => digestOf(layer[0] === 0x1f ? gunzipSync(layer) : layer));
}

describe.skipIf(!has("skopeo"))("archives that real tools write", () => {
  let folder: string;
  let expected: string[];
  const at = (name: string) => join(folder, name);
  const copy = (...args: string[]) => mustRun("skopeo", ["copy", "--insecure-policy", ...args]);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-oracle-"));
    const layers = await Promise.all(["a", "b", "c"].map((name) => makeLayer({ [name]: name.repeat(400_000) })));
    expected = layers.map((layer) => digestOf(gunzipSync(layer)));
    // Tools that load the image check its diffIDs.
    const image = await makeImage({ layers, diffIds: expected });
    await writeLayout(at("layout"), image.blobs, [tagged(image.descriptor, "v1")]);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("skopeo's oci-archive, plain and gzip-ed", async () => {
    await copy(`oci:${at("layout")}:v1`, `oci-archive:${at("oci.tar")}:v1`);
    expect(await pullTars(`oci-archive:${at("oci.tar")}:v1`)).toEqual(expected);
    await mustRun("gzip", ["-k", at("oci.tar")]);
    expect(await pullTars(`oci-archive:${at("oci.tar.gz")}`)).toEqual(expected);
    expect(await pullTars("oci-archive:-", { stdin: createReadStream(at("oci.tar.gz")) })).toEqual(expected);
  });

  it("skopeo's docker-archive, plain, gzip-ed and zstd-ed", async () => {
    await copy(`oci:${at("layout")}:v1`, `docker-archive:${at("docker.tar")}:ep:v1`);
    expect(await pullTars(`docker-archive:${at("docker.tar")}`)).toEqual(expected);
    expect(await pullTars(`docker-archive:${at("docker.tar")}:ep:v1`)).toEqual(expected);
    await mustRun("gzip", ["-k", at("docker.tar")]);
    expect(await pullTars(`docker-archive:${at("docker.tar.gz")}`)).toEqual(expected);
    if (requireTool("zstd") === undefined) return;
    await mustRun("zstd", ["-q", at("docker.tar")]);
    expect(await pullTars(`docker-archive:${at("docker.tar.zst")}`)).toEqual(expected);
  });

  it("an archive of GNU tar, with its leading ./", async () => {
    await mustRun("tar", ["-cf", at("gnu.tar"), "-C", at("layout"), "."]);
    expect(await pullTars(`oci-archive:${at("gnu.tar")}`)).toEqual(expected);
  });

  it.skipIf(!has("umoci"))("a layout of umoci", async () => {
    await mustRun("umoci", ["init", "--layout", at("umoci")]);
    await mustRun("umoci", ["new", "--image", `${at("umoci")}:new`]);
    expect(await pullTars(`oci:${at("umoci")}:new`)).toEqual([]);
  });

  describe.skipIf(!has("dockerd", "docker") || !requireRoot())("Docker", () => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await startDocker();
      await copy(`oci:${at("layout")}:v1`, `docker-archive:${at("load.tar")}:sifon-oracle/ep:v1`);
      await docker.docker("load", "-i", at("load.tar"));
    });
    afterAll(async () => {
      await docker?.docker("rmi", "-f", "sifon-oracle/ep:v1").catch(() => {});
      await docker?.stop();
    });

    it("docker save", async () => {
      await docker.docker("save", "-o", at("save.tar"), "sifon-oracle/ep:v1");
      expect(await pullTars(`docker-archive:${at("save.tar")}`)).toEqual(expected);
      expect(await pullTars(`docker-archive:${at("save.tar")}:sifon-oracle/ep:v1`)).toEqual(expected);
    });

    it("docker-daemon:", async () => {
      expect(await pullTars("docker-daemon://sifon-oracle/ep:v1", { dockerHost: docker.host })).toEqual(expected);
      await expect(pullTars("docker-daemon:sifon-oracle/none", { dockerHost: docker.host })).rejects.toMatchObject({
        code: "DAEMON_IMAGE_UNKNOWN",
      });
    });
  });
});
