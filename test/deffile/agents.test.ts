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
    expect(baseOf("Bootstrap: localimage\nFrom: /a/b.sif\nFingerprints: 12AB, 34CD,\n")).toEqual({
      kind: "local",
      path: "/a/b.sif",
      fingerprints: ["12AB", "34CD"],
    });
  });

  it("builds upon nothing", () => {
    expect(baseOf("Bootstrap: scratch\n")).toEqual({ kind: "scratch" });
  });
});
