import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import tar from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSource } from "../../src/source/open-source.ts";
import type { SourceOptions } from "../../src/source/options.ts";
import { makeImage } from "../support/registry-image.ts";
import { type FakeRegistry, guardWith, onPath, sendError, startFakeRegistry } from "../support/registry-server.ts";
import { CLOSED_PORT } from "../support/service.ts";
import { pullAll, QUICK, sourceOf } from "./pull.ts";

const SECRET = "s3cret/p=ss+w%rd";
const PAGE = { "content-type": "text/html" };

let folder: string;
let registry: FakeRegistry;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sifon-refusals-"));
  registry = await startFakeRegistry();
  registry.push(await makeImage());
});
afterEach(async () => {
  await registry.close();
  await rm(folder, { recursive: true });
});

const refuseAll = (challenge: string) => void registry.faults.push(guardWith(challenge, () => false));
const bearer = (host = registry.url) => refuseAll(`Bearer realm="${host}/token",service="s"`);
const answer = (part: string, send: Parameters<typeof onPath>[1]) => void registry.faults.push(onPath(part, send));

/** What each way of giving credentials is called in messages. */
const GIVEN = {
  nothing: [{}, "no credentials are given or stored"],
  options: [{ credentials: { username: "me", password: SECRET } }, "the given user name and the given password"],
  variables: [
    { env: { APPTAINER_DOCKER_USERNAME: "me", DOCKER_PASSWORD: SECRET } },
    "APPTAINER_DOCKER_USERNAME and DOCKER_PASSWORD",
  ],
  file: [{ auth: Buffer.from(`me:${SECRET}`).toString("base64") }, "auth.json"],
  "a registry token": [{ registrytoken: SECRET }, "auth.json"],
  "an identity token": [{ identitytoken: SECRET }, "auth.json"],
} as const;

async function optionsOf(given: keyof typeof GIVEN): Promise<SourceOptions> {
  const [value] = GIVEN[given];
  if (!("auth" in value || "registrytoken" in value || "identitytoken" in value)) return value;
  const authFile = join(folder, "auth.json");
  await writeFile(authFile, JSON.stringify({ auths: { [registry.host]: value } }));
  return { credentials: { authFile } };
}

type Row = [name: string, given: keyof typeof GIVEN, spoil: () => unknown, code: string, remedy: RegExp];
const rows: readonly Row[] = [
  ["no password", "nothing", () => refuseAll('Basic realm="r"'), "UNAUTHORIZED", /give credentials/],
  ["a wrong password", "options", () => refuseAll('Basic realm="r"'), "UNAUTHORIZED", /check them/],
  ["a wrong password in variables", "variables", () => refuseAll('Basic realm="r"'), "UNAUTHORIZED", /check them/],
  [
    "a password that the token service refuses",
    "file",
    () => {
      answer("/token", (_, response) => sendError(response, 401, "UNAUTHORIZED", "no"));
      bearer();
    },
    "TOKEN_REFUSED",
    /check them/,
  ],
  ["an expired token", "a registry token", () => bearer(), "UNAUTHORIZED", /check them/],
  [
    "an expired identity token",
    "an identity token",
    () => {
      answer("/token", (_, response) => sendError(response, 400, "invalid_grant", "expired"));
      bearer();
    },
    "TOKEN_REFUSED",
    /check them/,
  ],
  [
    "a token service that is down",
    "options",
    () => {
      answer("/token", (_, response) => sendError(response, 503, "X", "maintenance"));
      bearer();
    },
    "REGISTRY_FAILED",
    /Try again later, or tell those who run it/,
  ],
  [
    "a token service that answers in HTML",
    "options",
    () => {
      answer("/token", (_, response) => void response.writeHead(200, PAGE).end("<html>"));
      bearer();
    },
    "TOKEN_INVALID",
    /Try again later/,
  ],
  [
    "an HTML page",
    "variables",
    () => answer("/v2/", (_, response) => void response.writeHead(200, PAGE).end("<html>")),
    "NOT_A_REGISTRY",
    /Check the host name, and that no login portal/,
  ],
  [
    "a circle of redirects",
    "options",
    () => answer("/v2/", ({ url }, response) => void response.writeHead(307, { location: url }).end()),
    "REDIRECT_LOOP",
    /tell those who run it/,
  ],
  [
    "a redirect to nowhere",
    "options",
    () => answer("/v2/", (_, response) => void response.writeHead(307, { location: "file:///x" }).end()),
    "REDIRECT_INVALID",
    /set up wrongly/,
  ],
  [
    "no right to pull",
    "file",
    () => answer("/v2/", (_, r) => sendError(r, 403, "DENIED", "no")),
    "DENIED",
    /check them/,
  ],
  [
    "an unknown repository",
    "options",
    () => answer("/v2/", (_, response) => sendError(response, 404, "NAME_UNKNOWN", "no")),
    "NAME_UNKNOWN",
    /Check the repository's name/,
  ],
  ["an unknown tag", "file", () => registry.tags.clear(), "MANIFEST_UNKNOWN", /Check the tag/],
  [
    "a limit of pulls",
    "nothing",
    () => answer("/v2/", (_, response) => sendError(response, 429, "TOOMANYREQUESTS", "slow")),
    "RATE_LIMITED",
    /Log in/,
  ],
  [
    "a registry that is down",
    "options",
    () => answer("/v2/", (_, r) => sendError(r, 502, "X", "")),
    "REGISTRY_FAILED",
    /Try/,
  ],
];

describe("a registry's refusal names registry, repository, where credentials came from, and what to do", () => {
  it.each(rows)("%s (%s)", async (_, given, spoil, code, remedy) => {
    spoil();
    const { source, events } = sourceOf(registry, await optionsOf(given));
    const error = (await pullAll(source).catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(`${registry.host}/some/image`);
    expect(error.message).toContain(GIVEN[given][1]);
    expect(error.message).toMatch(remedy);
    const told = JSON.stringify([error, error.message, error.stack, events]);
    for (const secret of [SECRET, Buffer.from(`me:${SECRET}`).toString("base64")]) expect(told).not.toContain(secret);
  });
});

it("a token service that is not there is named itself", async () => {
  const host = `127.0.0.1:${CLOSED_PORT}`;
  bearer(`http://${host}`);
  await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({
    code: "REGISTRY_UNREACHABLE",
    message: expect.stringMatching(
      new RegExp(`${host}: cannot connect .*${registry.host}/some/image: unable to retrieve`),
    ),
  });
});

describe("what is no registry names itself and what to do", () => {
  it("a tar without manifest.json", async () => {
    const pack = tar.pack();
    pack.entry({ name: "etc/passwd" }, "root");
    pack.finalize();
    const path = join(folder, "x.tar");
    await writeFile(path, await buffer(pack));
    for (const transport of ["docker-archive", "oci-archive"]) {
      const error = await pullAll(createSource(`${transport}:${path}`, QUICK)).catch(
        (reason: unknown) => reason as Error,
      );
      expect((error as Error).message).toContain(`"${transport}:${path}"`);
      expect((error as Error).message).toMatch(/docker save|not an OCI layout|OCI layout/);
    }
  });

  it("a daemon that is not there", async () => {
    const dockerHost = `tcp://127.0.0.1:${CLOSED_PORT}`;
    await expect(pullAll(createSource("docker-daemon:x", { ...QUICK, dockerHost }))).rejects.toMatchObject({
      code: "DAEMON_UNREACHABLE",
      message: expect.stringContaining(`at ${dockerHost}. Is the docker daemon running?`),
    });
  });
});
