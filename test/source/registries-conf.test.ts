import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseDockerReference } from "../../src/oci/reference.ts";
import { pullPlaces } from "../../src/source/registry/pull-places.ts";
import { parseRegistriesConf } from "../../src/source/registry/registries-conf.ts";
import { loadRegistryRules } from "../../src/source/registry/registries-files.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

/** `host/repository`, with `!` for any certificate, `(http)` for plain HTTP and `foreign` where no password goes. */
function places(conf: string, reference: string, options = { noHttps: false, insecure: false }): string[] {
  return pullPlaces(parseDockerReference(reference), parseRegistriesConf(conf, "x.conf"), options).map(
    ({ registry, repository, insecure, plainHttp, foreign }) =>
      `${registry}/${repository}${insecure ? "!" : ""}${plainHttp ? "(http)" : ""}${foreign ? " foreign" : ""}`,
  );
}

const registry = (...lines: string[]) => `[[registry]]\n${lines.join("\n")}\n`;
const mirror = (...lines: string[]) => `[[registry.mirror]]\n${lines.join("\n")}\n`;

describe("pullPlaces()", () => {
  it.each([
    ["no rule", "", "a.example/x", ["a.example/x"]],
    ["a rule for another host", registry('location = "b.example"', "insecure = true"), "a.example/x", ["a.example/x"]],
    [
      "a host that only begins alike",
      registry('prefix = "a.exam"', 'location = "b.example"'),
      "a.example/x",
      ["a.example/x"],
    ],
    [
      "a repository that only begins alike",
      registry('prefix = "a.example/te"', 'location = "b.example"'),
      "a.example/team/x",
      ["a.example/team/x"],
    ],
    [
      "another location",
      registry('prefix = "a.example/team"', 'location = "b.example/copy"'),
      "a.example/team/x:v1",
      ["b.example/copy/x"],
    ],
    [
      "the Hub by its name",
      registry('prefix = "docker.io"', 'location = "b.example"'),
      "alpine",
      ["b.example/library/alpine"],
    ],
    [
      "the Hub as a location",
      registry('prefix = "a.example"', 'location = "docker.io"'),
      "a.example/u/x",
      ["index.docker.io/u/x"],
    ],
    [
      "the longest prefix",
      registry('prefix = "a.example"', 'location = "short.example"') +
        registry('prefix = "a.example/team"', 'location = "long.example"'),
      "a.example/team/x",
      ["long.example/x"],
    ],
    [
      "a prefix of a whole reference",
      registry('prefix = "a.example/x:v1"', 'location = "b.example/y:v2"'),
      "a.example/x:v1",
      ["b.example/y"],
    ],
    ["a wildcard", registry('prefix = "*.example"', 'location = "b.test"'), "a.b.example/x", ["b.test/x"]],
    [
      "a wildcard with a port",
      registry('prefix = "*.example:5000"', 'location = "b.test"'),
      "a.example:5000/x",
      ["b.test/x"],
    ],
    [
      "a wildcard that is no part of a path",
      registry('prefix = "*.example"', "blocked = true"),
      "a.test/b.example",
      ["a.test/b.example"],
    ],
    [
      "a wildcard without a location",
      registry('prefix = "*.example"', "insecure = true"),
      "a.example/x",
      ["a.example/x!", "a.example/x!(http)"],
    ],
    [
      "mirrors in order, then the registry",
      registry('location = "a.example"') + mirror('location = "m1.example"') + mirror('location = "m2.example/deep"'),
      "a.example/x",
      ["m1.example/x foreign", "m2.example/deep/x foreign", "a.example/x"],
    ],
    [
      "a mirror on the same host",
      registry('location = "a.example"') + mirror('location = "a.example/mirror"'),
      "a.example/x",
      ["a.example/mirror/x", "a.example/x"],
    ],
    [
      "an insecure mirror, by TLS first",
      registry('location = "a.example"') + mirror('location = "m.example"', "insecure = true"),
      "a.example/x",
      ["m.example/x! foreign", "m.example/x!(http) foreign", "a.example/x"],
    ],
    [
      "mirrors for digests, asked for a tag",
      registry('location = "a.example"', "mirror-by-digest-only = true") + mirror('location = "m.example"'),
      "a.example/x:v1",
      ["a.example/x"],
    ],
    [
      "mirrors for digests, asked for one",
      registry('location = "a.example"', "mirror-by-digest-only = true") + mirror('location = "m.example"'),
      `a.example/x@${DIGEST}`,
      ["m.example/x foreign", "a.example/x"],
    ],
    [
      "each mirror's own use, asked for a tag",
      registry('location = "a.example"') +
        mirror('location = "m1.example"', 'pull-from-mirror = "digest-only"') +
        mirror('location = "m2.example"', 'pull-from-mirror = "tag-only"') +
        mirror('location = "m3.example"', 'pull-from-mirror = "all"'),
      "a.example/x:v1",
      ["m2.example/x foreign", "m3.example/x foreign", "a.example/x"],
    ],
    [
      "each mirror's own use, asked for a digest",
      registry('location = "a.example"') +
        mirror('location = "m1.example"', 'pull-from-mirror = "digest-only"') +
        mirror('location = "m2.example"', 'pull-from-mirror = "tag-only"'),
      `a.example/x@${DIGEST}`,
      ["m1.example/x foreign", "a.example/x"],
    ],
  ])("follows %s", (_, conf, reference, expected) => {
    expect(places(conf, reference)).toEqual(expected);
  });

  it("speaks plain HTTP to the registry, not to its mirrors, when told to", () => {
    const conf = registry('location = "a.example"') + mirror('location = "m.example"');
    const seen = places(conf, "a.example/x", { noHttps: true, insecure: false });
    expect(seen).toEqual(["m.example/x foreign", "a.example/x(http)"]);
  });

  it("refuses what is blocked, naming the file", () => {
    const conf = registry('prefix = "docker.io"', "blocked = true");
    expect(() => places(conf, "alpine")).toThrow(
      /^Cannot pull docker.io\/library\/alpine:latest: registries under "docker.io" are blocked in "x.conf"/,
    );
  });

  it("refuses a location that makes no name", () => {
    expect(() => places(registry('prefix = "a.example"', 'location = "B/UP"'), "a.example/x")).toThrow(
      /makes "a.example\/x:latest" into "B\/UP\/x:latest", which is no image name/,
    );
  });
});

describe("parseRegistriesConf()", () => {
  it.each([
    ["what is not TOML", "[[registry", /x\.conf": line 1: /],
    ["version 1", "[registries.search]\nregistries = ['a']", /version 1/],
    ["a registry without a place", "[[registry]]\ninsecure = true", /registry\[0\] has neither/],
    ["a table in place of a list", "[registry]\nlocation = 'a'", /registry is not a list/],
    ["a scheme", registry('location = "https://a"'), /begins with a scheme/],
    ["a number for a text", registry("location = 1"), /registry\[0\].location is not a text/],
    ["a text for a switch", registry('location = "a"', 'insecure = "yes"'), /insecure is neither true nor false/],
    ["a wildcard in the middle", registry('prefix = "a.*.b"'), /wildcard/],
    ["a wildcard over repositories", registry('prefix = "*.a/b"'), /wildcard/],
    ["a mirror without a place", registry('location = "a"') + mirror("insecure = true"), /mirror\[0\] has no location/],
    ["an unknown use", registry('location = "a"') + mirror('location = "m"', 'pull-from-mirror = "x"'), /digest-only/],
    [
      "two rules for mirrors",
      registry('location = "a"', "mirror-by-digest-only = true") + mirror('location = "m"', 'pull-from-mirror = "all"'),
      /exclude each other/,
    ],
  ])("refuses %s", (_, conf, message) => {
    expect(() => parseRegistriesConf(conf, "x.conf")).toThrow(message);
  });

  it("leaves alone what is not about places", () => {
    const conf = 'unqualified-search-registries = ["a"]\nshort-name-mode = "enforcing"\n[aliases]\n"a" = "b/a"\n';
    expect(parseRegistriesConf(conf, "x.conf")).toEqual([]);
  });
});

describe("loadRegistryRules()", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-registries-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const put = async (name: string, prefix: string, location: string) => {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, registry(`prefix = "${prefix}"`, `location = "${location}"`));
    return path;
  };
  const load = async (env = {}) => {
    const rules = await loadRegistryRules(
      { HOME: join(folder, "home"), ...env },
      { systemDirectory: join(folder, "etc") },
    );
    return Object.fromEntries(rules.map(({ prefix, location }) => [prefix, location]));
  };

  it("finds nothing where there is nothing", async () => {
    expect(await load()).toEqual({});
  });

  it("reads the system's file, its drop-ins by name, then the user's", async () => {
    await put("etc/registries.conf", "a", "system");
    await put("etc/registries.conf.d/20.conf", "a", "twenty");
    await put("etc/registries.conf.d/10.conf", "a", "ten");
    await put("etc/registries.conf.d/30.txt", "a", "other");
    await put("home/.config/containers/registries.conf.d/5.conf", "b", "user");
    expect(await load()).toEqual({ a: "twenty", b: "user" });
  });

  it("reads nothing of the system where the user has a file", async () => {
    await put("etc/registries.conf", "a", "system");
    await put("etc/registries.conf.d/20.conf", "a", "twenty");
    await put("home/.config/containers/registries.conf", "b", "user");
    await put("home/.config/containers/registries.conf.d/1.conf", "c", "drop");
    expect(await load()).toEqual({ b: "user", c: "drop" });
  });

  it("reads the file and the folder that variables name", async () => {
    await put("etc/registries.conf", "a", "system");
    await put("home/.config/containers/registries.conf", "b", "user");
    const env = { CONTAINERS_REGISTRIES_CONF: await put("named.conf", "c", "named") };
    expect(await load(env)).toEqual({ c: "named" });
    await put("drop/1.conf", "d", "drop");
    expect(await load({ ...env, CONTAINERS_REGISTRIES_CONF_DIR: join(folder, "drop") })).toEqual({
      c: "named",
      d: "drop",
    });
  });

  it("refuses a file that is named and not there", async () => {
    await expect(load({ CONTAINERS_REGISTRIES_CONF: join(folder, "none") })).rejects.toMatchObject({
      code: "REGISTRIES_CONF_UNREADABLE",
    });
  });
});
