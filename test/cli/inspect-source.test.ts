import { describe, expect, it, type TestContext } from "vitest";
import { createRegistry, createWorkplace, expectFailure, type Workplace } from "./workplace.ts";

const CONFIG = {
  User: "\u001b[2Jroot\nDigest:  forged",
  Env: ["PATH=/bin", "A=1\nDigest: forged", "B=\u202ex\u009b"],
  Entrypoint: ["/bin/echo", "it's"],
  Cmd: ["\u001b[31mred"],
  Labels: { "k\nDigest:": "forged", v: "a\nDigest: forged\u007f" },
};

interface Inspected extends Workplace {
  readonly uri: string;
  /** Standard output of `sifon inspect`, which has to succeed. */
  inspect(options: readonly string[], image?: string): Promise<string>;
}

async function placeWithSource(context: TestContext): Promise<Inspected> {
  const registry = await createRegistry(context, { config: CONFIG });
  const place = await createWorkplace(context);
  const uri = `docker://${registry.host}/some/image`;
  const inspect = async (options: readonly string[], image: string = uri) => {
    const end = await place.run(["inspect", "--no-https", ...options, image]);
    expect(end.code, end.stderr).toBe(0);
    return end.stdout.toString();
  };
  return { ...place, uri, inspect };
}

describe.concurrent("inspect of a source", () => {
  it.for([
    [[]],
    [["-l"]],
    [["-e"]],
    [["-r"]],
    [["-d"]],
    [["-l", "-e", "-r", "-d"]],
    [["--json"]],
    [["--all"]],
    [["-e", "-l", "--json"]],
  ] as const)("%j lets the image forge no line and send no control character", async ([options], context) => {
    const text = await (await placeWithSource(context)).inspect(options);
    expect(text).toMatch(/^[\n\x20-\x7e]+$/);
    const digests = text.split("\n").filter((line) => /^\s*"?Digest/i.test(line));
    expect(digests.filter((line) => line.includes("forged"))).toEqual([]);
  });

  it("gives sections alone, in Apptainer's order", async (context) => {
    const place = await placeWithSource(context);
    const labels = String.raw`k\u000aDigest:: forged
v: a\u000aDigest: forged\u007f
`;
    const environment = String.raw`PATH=/bin
A=1\u000aDigest: forged
B=\u202ex\u009b
`;
    expect(await place.inspect(["-l"])).toBe(labels);
    expect(await place.inspect(["--environment"])).toBe(environment);
    expect(await place.inspect(["-l", "-e"])).toBe(environment + labels);
    expect(await place.inspect(["-d"])).toBe(`bootstrap: docker\nfrom: ${place.uri.slice("docker://".length)}\n\n\n`);
    expect(await place.inspect(["-r"])).toMatch(/^#!\/bin\/sh\nOCI_ENTRYPOINT=/);
  });

  it("gives the same sections as JSON, with nothing lost", async (context) => {
    const place = await placeWithSource(context);
    expect(JSON.parse(await place.inspect(["-l", "--json"]))).toEqual({ labels: CONFIG.Labels });
    expect(JSON.parse(await place.inspect(["-e", "--json"]))).toEqual({ environment: CONFIG.Env });
    const { runscript, deffile, ...rest } = JSON.parse(await place.inspect(["-r", "-d", "-j"]));
    expect(rest).toEqual({});
    expect(runscript).toContain("\u001b[31mred");
    expect(deffile).toMatch(/^bootstrap: docker\n/);
    expect(JSON.parse(await place.inspect(["--json"]))).toMatchObject({
      config: CONFIG,
      labels: CONFIG.Labels,
      runscript,
    });
  });

  it("tells the runscript and the definition that the conversion writes", async (context) => {
    const place = await placeWithSource(context);
    expect(await place.run(["pull", "--no-https", "x.sif", place.uri])).toMatchObject({ code: 0 });
    const stored = JSON.parse(await place.inspect(["--all"], "x.sif")).data.attributes;
    const foreseen = JSON.parse(await place.inspect(["-r", "-d", "-j"]));
    expect(foreseen.runscript.trimEnd()).toBe(stored.runscript.trimEnd());
    expect(foreseen.deffile.trimEnd()).toBe(stored.deffile.trimEnd());
  });

  it.for([
    [["--app", "f"], "--app"],
    [["--list-apps"], "--list-apps"],
    [["-H"], "--helpfile"],
    [["-s"], "--startscript"],
    [["-t", "--json"], "--test"],
  ] as const)("refuses %j, which files in the image tell", async ([options, flag], context) => {
    const place = await placeWithSource(context);
    const end = await place.run(["inspect", "--no-https", ...options, place.uri]);
    expect(end.stdout.toString()).toBe("");
    await expectFailure(place, end, { says: [`${flag} tells of files in the image`, "pull it, then inspect the SIF"] });
  });
});
