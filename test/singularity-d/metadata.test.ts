import { describe, expect, it } from "vitest";
import { type CapturedFiles, isCapturedPath } from "../../src/singularity-d/captured-paths.ts";
import { type ContainerSources, containerFiles } from "../../src/singularity-d/container-files.ts";
import { definitionOfReference } from "../../src/singularity-d/definition-text.ts";
import { contentsView, inspectMetadata } from "../../src/singularity-d/inspect-metadata.ts";
import { containerLabels, formatBuildDate, labelsJson } from "../../src/singularity-d/labels.ts";

describe("definitionOfReference()", () => {
  it.each([
    ["docker://alpine", "bootstrap: docker\nfrom: alpine\n\n"],
    ["docker:alpine", "bootstrap: docker\nfrom: alpine\n\n"],
    ["docker://127.0.0.1:5000/a/b:v@sha256:00", "bootstrap: docker\nfrom: 127.0.0.1:5000/a/b:v@sha256:00\n\n"],
    ["oci:dir", "bootstrap: oci\nfrom: dir\n\n"],
    ["oci:./dir:tag", "bootstrap: oci\nfrom: ./dir:tag\n\n"],
    ["oci:/abs/dir", "bootstrap: oci\nfrom: /abs/dir\n\n"],
    ["oci:///abs/dir", "bootstrap: oci\nfrom: /abs/dir\n\n"],
    ["docker-archive:f.tar:repo:tag", "bootstrap: docker-archive\nfrom: f.tar:repo:tag\n\n"],
  ])("%s", (reference, text) => {
    expect(definitionOfReference(reference).text).toBe(text);
  });

  it("refuses a reference without transport", () => {
    expect(() => definitionOfReference("alpine")).toThrow(TypeError);
  });
});

describe("formatBuildDate()", () => {
  it.each([
    [0, "Thursday_1_January_1970_0:0:0_UTC"],
    [1_795_301_709, "Saturday_21_November_2026_22:55:9_UTC"],
    [4_294_967_295, "Sunday_7_February_2106_6:28:15_UTC"],
  ])("%i is %s", (timeSec, text) => {
    expect(formatBuildDate(timeSec)).toBe(text);
  });
});

describe("containerLabels()", () => {
  const sources = {
    imageLabels: new Map([
      ["z<", "a&b"],
      ["org.label-schema.schema-version", "9"],
      ["org.label-schema.build-arch", "mine"],
    ]),
    keywords: definitionOfReference("docker://alpine").keywords,
    architecture: "arm64",
    timeSec: 0,
  };

  it("overlays the image's labels, sorted and indented as Apptainer writes them", () => {
    expect(labelsJson(containerLabels(sources))).toBe(`{
\t"org.label-schema.build-arch": "arm64",
\t"org.label-schema.build-date": "Thursday_1_January_1970_0:0:0_UTC",
\t"org.label-schema.schema-version": "1.0",
\t"org.label-schema.usage.apptainer.version": "1.4.5",
\t"org.label-schema.usage.singularity.deffile.bootstrap": "docker",
\t"org.label-schema.usage.singularity.deffile.from": "alpine",
\t"z\\u003c": "a\\u0026b"
}`);
  });

  it("tells the source's digest", () => {
    expect(containerLabels({ ...sources, sourceDigest: "sha256:1" }).get("sifon.source.digest")).toBe("sha256:1");
  });
});

describe("isCapturedPath()", () => {
  it.each([
    [".singularity.d/env/10-docker.sh", true],
    [".singularity.d/env/10-docker2singularity.sh", true],
    [".singularity.d/env/91-environment.sh", true],
    [".singularity.d/env/9-environment.sh", true],
    [".singularity.d/env/50-user.sh", false],
    [".singularity.d/env/9/1-environment.sh", false],
    [".singularity.d/env/99-base.sh", false],
    [".singularity.d/test", true],
    [".singularity.d/runscript.help", true],
    [".singularity.d/runscriptxhelp", false],
    [".singularity.d/runscript", false],
    ["scif/apps/foo/scif/runscript", true],
    ["scif/apps/foo/scif/labels.json", true],
    ["scif/apps/foo/scif/env/90-environment.sh", true],
    ["scif/apps/foo/scif/env/01-base.sh", false],
    ["scif/apps/foo/bin/runscript", false],
    ["usr/.singularity.d/test", false],
    ["etc/hosts", false],
  ])("%s: %s", (path, expected) => {
    expect(isCapturedPath(path)).toBe(expected);
  });
});

describe("inspectMetadata()", () => {
  const sources: ContainerSources = {
    config: {
      created: undefined,
      architecture: undefined,
      os: undefined,
      variant: undefined,
      config: { Env: ["A=<b>"], Cmd: ["x"] },
      diffIds: [],
    },
    definition: definitionOfReference("docker://alpine"),
    architecture: "amd64",
    timeSec: 0,
  };
  const files = containerFiles(sources);
  const metadataOf = (captured: CapturedFiles, apps: readonly string[]) => {
    const added = files.entries.map(({ path, content }) => [path, content] as const);
    return inspectMetadata(contentsView(new Map([...captured, ...added]), apps));
  };
  const parse = (text: string) =>
    (JSON.parse(text) as { data: { attributes: Record<string, unknown> } }).data.attributes;

  it("is compact, names its type last and leaves out what is empty", async () => {
    const text = await metadataOf(new Map(), []);
    expect(
      text.startsWith(
        '{"data":{"attributes":{"environment":{"/.singularity.d/env/10-docker2singularity.sh":"#!/bin/sh\\n',
      ),
    ).toBe(true);
    expect(text.endsWith('}},"type":"container"}')).toBe(true);
    expect(text).toContain("\\u003cb\\u003e");
    expect(Object.keys(parse(text))).toEqual(["environment", "labels", "runscript", "deffile", "startscript"]);
  });

  it("takes in captured files and apps, without newlines at their ends", async () => {
    const captured = new Map<string, Uint8Array>([
      [".singularity.d/env/91-environment.sh", Buffer.from("export N=1\n\n")],
      [".singularity.d/env/90-environment.sh", Buffer.from("former")],
      [".singularity.d/test", Buffer.from("\n\ntest \n\n\n")],
      [".singularity.d/runscript.help", Buffer.from([0x68, 0xff, 0x0a])],
      ["scif/apps/foo/scif/runscript", Buffer.from("run\n")],
      ["scif/apps/foo/scif/startscript", Buffer.from("")],
      ["scif/apps/foo/scif/labels.json", Buffer.from('{"b":"2","a":1,"c":null}')],
      ["scif/apps/foo/scif/env/90-environment.sh", Buffer.from("export B=1\n")],
      ["scif/apps/bar/scif/labels.json", Buffer.from("not json")],
      ["scif/apps/gone/scif/runscript", Buffer.from("x")],
    ]);
    const attributes = parse(await metadataOf(captured, ["bar", "foo"]));
    expect(Object.keys(attributes)).toEqual([
      "apps",
      "environment",
      "labels",
      "runscript",
      "test",
      "helpfile",
      "deffile",
      "startscript",
    ]);
    expect(attributes.apps).toEqual({
      bar: {},
      foo: {
        environment: { "/scif/apps/foo/scif/env/90-environment.sh": "export B=1" },
        labels: { a: "", b: "2", c: "" },
        runscript: "run",
      },
    });
    expect(attributes.test).toBe("\n\ntest ");
    expect(attributes.helpfile).toBe("h\ufffd");
    const environment = attributes.environment as Record<string, string>;
    expect(environment["/.singularity.d/env/91-environment.sh"]).toBe("export N=1");
    expect(environment["/.singularity.d/env/90-environment.sh"]).toMatch(/^#!\/bin\/sh/);
  });

  it("marks bytes that are not UTF-8 by the character, and leaves what looks like its escape", async () => {
    const help = Buffer.from("\xff\xfe \\ufffd \\\\ufffd", "latin1");
    const text = await metadataOf(new Map([[".singularity.d/runscript.help", help]]), []);
    expect(text).toContain('"helpfile":"\ufffd\ufffd \\\\ufffd \\\\\\\\ufffd"');
  });

  it("agrees with the files that are installed", async () => {
    const attributes = parse(await metadataOf(new Map(), []));
    const text = (path: string) =>
      Buffer.from(files.entries.find((file) => file.path === path)!.content)
        .toString()
        .trimEnd();
    expect(attributes.runscript).toBe(text(".singularity.d/runscript"));
    expect(attributes.deffile).toBe(text(".singularity.d/Singularity"));
    expect(attributes.labels).toEqual(JSON.parse(text(".singularity.d/labels.json")));
  });
});
