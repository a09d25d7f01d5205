import { describe, expect, it } from "vitest";
import type { IndexEntry } from "../../src/oci/manifest.ts";
import { formatPlatform, hostPlatform, requestPlatform, satisfiesPlatform } from "../../src/oci/platform.ts";
import { choosePlatform } from "../../src/oci/platform-choice.ts";

describe("requestPlatform()", () => {
  it("is the host's when nothing is asked for", () => {
    expect(requestPlatform()).toEqual({ ...hostPlatform(), explicit: false });
    expect(requestPlatform({ arch: "", variant: "" })).toMatchObject({ explicit: false });
  });

  it.each([
    [{ arch: "amd64" }, "linux/amd64"],
    [{ arch: "386" }, "linux/386"],
    [{ arch: "arm64" }, "linux/arm64"],
    [{ arch: "arm64", variant: "8" }, "linux/arm64/v8"],
    [{ arch: "arm", variant: "v6" }, "linux/arm/v6"],
    [{ arch: "arm", env: { GOARM: "7" } }, "linux/arm/v7"],
    [{ arch: "arm", variant: "5", env: { GOARM: "7" } }, "linux/arm/v5"],
    [{ arch: "arm64", env: { GOARM: "7" } }, "linux/arm64"],
  ])("%j → %s", (options, expected) => {
    const request = requestPlatform(options);
    expect(formatPlatform(request)).toBe(expected);
    expect(request.explicit).toBe(true);
  });

  it.each([
    [{ arch: "x86_64" }, "arch: x86_64 is not valid, supported archs are: [arm arm64 amd64 386 ppc64le s390x riscv64]"],
    [
      { arch: "arm" },
      "arch: arm needs variant specification, supported variants are [5, 6, 7], please set --arch-variant option",
    ],
    [{ arch: "arm", variant: "8" }, "arm has no variant 8"],
    [{ arch: "arm64", variant: "7" }, "arm64 has no variant 7"],
  ])("%j: %s", (options, message) => {
    expect(() => requestPlatform(options)).toThrow(message);
  });
});

describe("satisfiesPlatform()", () => {
  it.each([
    ["linux/amd64", "linux/amd64", true],
    ["linux/amd64/v3", "linux/amd64", true],
    ["linux/amd64", "linux/arm64", false],
    ["windows/amd64", "linux/amd64", false],
    ["linux/arm64", "linux/arm64/v8", true],
    ["linux/arm64/v8", "linux/arm64", true],
    ["linux/arm/v6", "linux/arm/v7", false],
    ["linux/arm", "linux/arm/v7", false],
  ])("%s for %s: %s", (offered, wanted, expected) => {
    expect(satisfiesPlatform(platform(offered), platform(wanted))).toBe(expected);
  });
});

describe("choosePlatform()", () => {
  it.each([
    [["linux/arm64", "linux/amd64"], "linux/amd64", 1],
    [["linux/amd64/v3", "linux/amd64"], "linux/amd64", 1],
    [["linux/amd64/v2", "linux/amd64/v3"], "linux/amd64", 0],
    [["linux/amd64/v2", "linux/amd64/v3"], "linux/amd64/v3", 1],
    [["linux/arm/v5", "linux/arm/v7"], "linux/arm/v7", 1],
    [["unknown/unknown", "linux/amd64"], "linux/amd64", 1],
    [[undefined, "linux/amd64"], "linux/amd64", 1],
    [[undefined], "linux/amd64", 0],
    [[undefined, "unknown/unknown"], "linux/amd64", 0],
  ])("of %j for %s: entry %i", (offered, wanted, expected) => {
    const entries = offered.map(entry);
    expect(choosePlatform(entries, platform(wanted), "x")).toBe(entries[expected]);
  });

  it.each([
    [
      ["linux/amd64", "linux/arm/v7"],
      "no child with platform linux/ppc64le in index x. It has: linux/amd64, linux/arm/v7.",
    ],
    [[], "It has: no image"],
    [["unknown/unknown"], "It has: no image"],
    [[undefined, undefined], "It has: (unnamed)"],
  ])("of %j: %s", (offered, message) => {
    expect(() => choosePlatform(offered.map(entry), platform("linux/ppc64le"), "x")).toThrow(message);
  });

  it("skips attestations that claim a platform", () => {
    const entries = [
      { ...entry("linux/amd64"), annotations: { "vnd.docker.reference.type": "attestation-manifest" } },
      entry("linux/amd64"),
    ];
    expect(choosePlatform(entries, platform("linux/amd64"), "x")).toBe(entries[1]);
  });
});

function platform(text: string) {
  const [os = "", architecture = "", variant] = text.split("/");
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

function entry(text: string | undefined): IndexEntry {
  const base = { mediaType: "m", digest: "sha256:0", size: 0 } as const;
  return text === undefined ? base : { ...base, platform: platform(text) };
}
