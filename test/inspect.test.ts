import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type InspectOptions, inspectContainer } from "../src/inspect.ts";
import { deleteObject } from "../src/sif/edit.ts";
import { makeLayer } from "./support/registry-image.ts";
import { makeSif } from "./support/small-sif.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-inspect-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function put(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(join(folder, path, ".."), { recursive: true });
  await writeFile(join(folder, path), content);
}

async function inspect(path: string, options: InspectOptions = {}): Promise<{ text: string; warnings: string[] }> {
  const warnings: string[] = [];
  const bytes = await inspectContainer(join(folder, path), {
    ...options,
    onProgress: (event) => event.kind === "warning" && warnings.push(event.message),
  });
  return { text: Buffer.from(bytes).toString("latin1"), warnings };
}

describe("inspectContainer() of a sandbox", () => {
  const D = "box/.singularity.d";
  beforeAll(async () => {
    await put(`${D}/labels.json`, '{"z":"last","a":"caf\u00e9 <x>"}');
    await put(`${D}/runscript`, Buffer.from("#!/bin/sh\necho \xff\0\n\n\n", "latin1"));
    await put(`${D}/env/10-docker2singularity.sh`, "export A=1\n");
    await put(`${D}/env/90-environment.sh`, "export B=1\n");
    await put(`${D}/env/50-other.sh`, "no\n");
    await put("box/scif/apps/foo/scif/runscript", "app\n");
    await put("box/scif/apps/bare/file", "");
    await put("box/etc/inside", "inside\n");
    await put("outside", "secret\n");
    await symlink("/etc/inside", join(folder, `${D}/startscript`));
    await symlink("../../../../../../../outside", join(folder, `${D}/test`));
    await symlink("runscript.help", join(folder, `${D}/runscript.help`));
  });

  it.each<[string, InspectOptions, string]>([
    ["labels, sorted", {}, "a: caf\xc3\xa9 <x>\nz: last\n"],
    ["a runscript, bytes as they are", { sections: ["runscript"] }, "#!/bin/sh\necho \xff\n"],
    [
      "environment scripts",
      { sections: ["environment"] },
      "=== /.singularity.d/env/10-docker2singularity.sh ===\nexport A=1\n\n=== /.singularity.d/env/90-environment.sh ===\nexport B=1\n\n",
    ],
    ["a link, followed inside", { sections: ["startscript"] }, "inside\n"],
    ["nothing through a link that leads outside", { sections: ["test"] }, ""],
    ["nothing through a link to itself", { sections: ["helpfile"] }, ""],
    ["nothing where there is no definition", { deffile: true }, ""],
    ["apps", { listApps: true }, "foo\n"],
    ["an app", { app: "foo", sections: ["runscript"] }, "app\n"],
    ["nothing of an app that is not there", { app: "nosuch" }, ""],
    ["nothing of an app outside", { app: "../../etc" }, ""],
  ])("prints %s", async (_what, options, text) => {
    expect(await inspect("box", options)).toEqual({ text, warnings: [] });
  });

  it("as JSON marks bytes that are not UTF-8 as Go does", async () => {
    const { text } = await inspect("box", { sections: ["runscript"], json: true });
    expect(text).toBe(
      '{\n\t"data": {\n\t\t"attributes": {\n\t\t\t"runscript": "#!/bin/sh\\necho \\ufffd"\n\t\t}\n\t},\n\t"type": "container"\n}\n',
    );
  });

  it.each([
    ["", "unexpected end of JSON input", ""],
    ['{"n":', "unexpected end of JSON input", ""],
    ["not json", "invalid character 'o' in literal null (expecting 'u')", ""],
    ['{"b":1,"1":[],"b":"x"}', "json: cannot unmarshal number into Go value of type string", "1: \nb: x\n"],
    ['{"a":1,"b":"x","c":null}', "json: cannot unmarshal number into Go value of type string", "a: \nb: x\nc: \n"],
    ["[1]", "json: cannot unmarshal array into Go value", ""],
  ])("warns of labels %s", async (labels, says, text) => {
    await put("odd/.singularity.d/labels.json", labels);
    const found = await inspect("odd");
    expect(found.text).toBe(text);
    expect(found.warnings).toEqual([expect.stringContaining(`Unable to parse labels: ${says}`)]);
  });

  it("has nothing to say of labels that are null", async () => {
    await put("odd/.singularity.d/labels.json", "null");
    expect(await inspect("odd")).toEqual({ text: "", warnings: [] });
  });
});

describe("inspectContainer() of a SIF", () => {
  it("says what the SIF says of itself", async () => {
    const layers = [await makeLayer({ "scif/apps/foo/scif/runscript": "app\n" })];
    await makeSif(join(folder, "x.sif"), { layers, config: { Labels: { one: "1" }, Entrypoint: ["/bin/x"] } });
    expect((await inspect("x.sif")).text).toMatch(/^one: 1\norg\.label-schema/);
    expect((await inspect("x.sif", { deffile: true })).text).toMatch(/^bootstrap: oci\n/);
    expect((await inspect("x.sif", { app: "foo", sections: ["runscript"] })).text).toBe("app\n");
    expect((await inspect("x.sif", { all: true })).text).not.toContain("counts");
  });

  it.each([
    { without: [2], warnings: [] },
    { without: [1, 2], warnings: ["No SIF metadata partition, searching in container..."] },
  ])("looks into the container without objects $without", async ({ without, warnings }) => {
    await makeSif(join(folder, "z.sif"), { config: { Labels: { one: "1" } } });
    for (const id of without) await deleteObject(join(folder, "z.sif"), id, { timeSec: 1 });
    expect((await inspect("z.sif", { all: true })).warnings).toEqual(warnings);
    const labels = await inspect("z.sif");
    expect(labels.text).toMatch(/^one: 1\n/);
    expect(labels.warnings).toEqual([]);
  });

  it("asks the files where that cannot be read, with a warning", async () => {
    await makeSif(join(folder, "y.sif"), { config: { Labels: { one: "1" } } });
    const bytes = await readFile(join(folder, "y.sif"));
    bytes.write("x", bytes.indexOf('{"data"'));
    await writeFile(join(folder, "y.sif"), bytes);
    const found = await inspect("y.sif");
    expect(found.text).toMatch(/^one: 1\n/);
    expect(found.warnings).toEqual([expect.stringContaining("Unable to read inspect-metadata.json SIF descriptor")]);
  });
});
