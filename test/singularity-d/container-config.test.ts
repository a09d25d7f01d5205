import { describe, expect, it } from "vitest";
import { readContainerConfig } from "../../src/singularity-d/container-config.ts";

const read = (text: string) => readContainerConfig(JSON.parse(text) as Record<string, unknown>);

describe("readContainerConfig()", () => {
  it("gives what shapes the container", () => {
    const config = read('{"Env":["A=1"],"Entrypoint":["e"],"Cmd":["c","d"],"Labels":{"l":"m"}}');
    expect(config).toMatchObject({ env: ["A=1"], entrypoint: ["e"], cmd: ["c", "d"], labels: new Map([["l", "m"]]) });
  });

  it("gives empty values for what is absent", () => {
    expect(read("{}")).toEqual({ env: [], entrypoint: [], cmd: [], labels: new Map(), ociConfigJson: "{}" });
  });

  // Measured: what Apptainer 1.4.5 writes as oci-config.json for these.
  it.each([
    ["{}", "{}"],
    ['{"Unknown":1,"Memory":5}', "{}"],
    ['{"Hostname":"","Tty":false,"OnBuild":[],"Labels":{},"Volumes":{},"Entrypoint":null}', "{}"],
    ['{"Healthcheck":{}}', '{"Healthcheck":{}}'],
    ['{"Healthcheck":null}', "{}"],
    [
      '{"Healthcheck":{"Retries":3,"Test":["CMD","x"],"Interval":30000000000,"StartInterval":5}}',
      '{"Healthcheck":{"Test":["CMD","x"],"Interval":30000000000,"Retries":3}}',
    ],
    ['{"Env":["A=1",null]}', '{"Env":["A=1",""]}'],
    ['{"Cmd":["a"],"cmd":["b"]}', '{"Cmd":["b"]}'],
    ['{"Env":["A=1"],"ENV":null}', "{}"],
    ['{"User":"u","user":null}', '{"User":"u"}'],
    ['{"Volumes":{"/v":{"z":1},"/a":null}}', '{"Volumes":{"/a":{},"/v":{}}}'],
    ['{"Labels":{"b":"<>&","a":null}}', '{"Labels":{"a":"","b":"\\u003c\\u003e\\u0026"}}'],
    [
      '{"ExposedPorts":{"80/tcp":{}},"User":"1:2","Cmd":["x"]}',
      '{"Cmd":["x"],"User":"1:2","ExposedPorts":{"80/tcp":{}}}',
    ],
  ])("%s becomes %s", (text, expected) => {
    expect(read(text).ociConfigJson).toBe(expected);
  });

  it("writes all members in Apptainer's order", () => {
    const names =
      "AttachStderr AttachStdin AttachStdout Cmd Healthcheck Domainname Entrypoint Env Hostname Image Labels OnBuild " +
      "OpenStdin StdinOnce Tty User Volumes WorkingDir ExposedPorts ArgsEscaped NetworkDisabled MacAddress StopSignal Shell";
    const samples: Record<string, unknown> = {
      Healthcheck: {},
      Labels: { a: "b" },
      Volumes: { a: {} },
      ExposedPorts: { a: {} },
    };
    for (const name of ["Cmd", "Entrypoint", "Env", "OnBuild", "Shell"]) samples[name] = ["x"];
    for (const name of ["Domainname", "Hostname", "Image", "User", "WorkingDir", "MacAddress", "StopSignal"])
      samples[name] = "x";
    const config = Object.fromEntries(
      names
        .split(" ")
        .reverse()
        .map((name) => [name, samples[name] ?? true]),
    );
    expect(Object.keys(JSON.parse(readContainerConfig(config).ociConfigJson) as object).join(" ")).toBe(names);
  });

  it("reads a bare string as a list of one, as Docker does", () => {
    expect(read('{"Entrypoint":"/bin/sh"}').entrypoint).toEqual(["/bin/sh"]);
  });

  it.each([
    ['{"Env":[1]}', "config.Env[0]"],
    ['{"Env":{}}', "config.Env"],
    ['{"Labels":{"a":1}}', 'config.Labels["a"]'],
    ['{"Labels":["a"]}', "config.Labels"],
    ['{"Volumes":["/x"]}', "config.Volumes"],
    ['{"Hostname":5}', "config.Hostname"],
    ['{"Tty":"yes"}', "config.Tty"],
    ['{"Healthcheck":{"Interval":1.5}}', "config.Healthcheck.Interval"],
    ['{"Healthcheck":"x"}', "config.Healthcheck"],
  ])("refuses %s", (text, field) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: "CONFIG_FIELD_INVALID", details: expect.objectContaining({ field }) }),
    );
  });

  it("is not led astray by names that every object has", () => {
    expect(read('{"__proto__":{"Cmd":["x"]},"constructor":"y","toString":1}').ociConfigJson).toBe("{}");
  });
});
