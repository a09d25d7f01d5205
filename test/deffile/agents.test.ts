import { describe, expect, it } from "vitest";
import { stageBase } from "../../src/deffile/agents.ts";
import { parseDefinition } from "../../src/deffile/parse-definition.ts";

const baseOf = (header: string) => {
  const [stage] = parseDefinition(header, { name: "a.def" }).definition.stages;
  if (stage === undefined) throw new Error("no stage");
  return stageBase(stage, 1, (problem) => {
    throw new Error(problem.seen);
  });
};

describe("stageBase()", () => {
  it.each([
    ["docker", "From: alpine:3.18", "docker://alpine:3.18"],
    ["docker", "From: //alpine", "docker://alpine"],
    ["docker", "From: lolcow\nNamespace: godlovedc", "docker://godlovedc/lolcow"],
    [
      "docker",
      "From: lolcow\nNamespace: godlovedc\nRegistry: localhost:5000",
      "docker://localhost:5000/godlovedc/lolcow",
    ],
    ["docker", "From: lolcow\nRegistry: localhost:5000/", "docker://localhost:5000/lolcow"],
    ["docker", "From: a@sha256:0", "docker://a@sha256:0"],
    ["docker-daemon", "From: lolcow:latest", "docker-daemon:lolcow:latest"],
    ["docker-archive", "From: /tmp/a.tar", "docker-archive:/tmp/a.tar"],
    ["oci", "From: /tmp/layout:tag", "oci:/tmp/layout:tag"],
    ["oci-archive", "From: a.tar", "oci-archive:a.tar"],
  ])("%s, %j", (agent, header, uri) => {
    expect(baseOf(`Bootstrap: ${agent}\n${header}\n`)).toEqual({ kind: "image", uri });
  });

  it("takes a path and the keys that must have signed it", () => {
    const fingerprints = ["C5CB3A20688F10520E8FFE0AC743901E8DE9EA8C", "ab".repeat(32)];
    const header = "Bootstrap: localimage\nFrom: /a/b.sif\nFingerprints:";
    const expected = { kind: "local", path: "/a/b.sif", fingerprints };
    expect(baseOf(`${header} ${fingerprints.join(" , ")}\n`)).toEqual(expected);
    expect(baseOf(`${header}\n`)).toEqual({ ...expected, fingerprints: [] });
  });

  it.each([
    ["nothing between commas", ",", ""],
    ["a comma at the end", `${"0".repeat(40)},`, ""],
    ["blanks", "C5CB 3A20688F10520E8FFE0AC743901E8DE9EA8C", "C5CB 3A20688F10520E8FFE0AC743901E8DE9EA8C"],
    ["the number of a key", "C743901E8DE9EA8C", "C743901E8DE9EA8C"],
    ["a digit too few", "0".repeat(39), "0".repeat(39)],
    ["a digit too many", "0".repeat(41), "0".repeat(41)],
    ["no hexadecimal digits", "g".repeat(40), "g".repeat(40)],
  ])("refuses fingerprints that no key can have: %s", (_, fingerprints, seen) => {
    const header = `Bootstrap: localimage\nFrom: a.sif\nFingerprints: ${fingerprints}\n`;
    expect(() => baseOf(header)).toThrow(`the fingerprint "${seen}"`);
  });

  it("builds upon nothing", () => {
    expect(baseOf("Bootstrap: scratch\n")).toEqual({ kind: "scratch" });
  });
});
