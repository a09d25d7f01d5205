import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SifonError } from "../../src/errors.ts";
import type { SourceOptions } from "../../src/source/options.ts";
import { makeImage } from "../support/registry-image.ts";
import {
  cutBlob,
  type FakeRegistry,
  guardWith,
  onPath,
  sendBlob,
  sendError,
  startFakeRegistry,
} from "../support/registry-server.ts";
import { fileTar } from "../tar/file-tar.ts";
import { never, pullAll, sourceOf, WAYS } from "./pull.ts";

const PASSWORD = "s3cr$t, p:ss ü";
const BASIC = `Basic ${Buffer.from(`me:${PASSWORD}`).toString("base64")}`;
const WITH_PASSWORD: SourceOptions = { credentials: { username: "me", password: PASSWORD } };

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await startFakeRegistry();
  registry.push(await makeImage());
});
afterEach(() => registry.close());

const shown = () => [...new Set(registry.requests.map(({ headers }) => headers.authorization))];

/** A token service on the registry's own host; gives `token-1`, `token-2`, … */
function serveTokens(
  accept: (authorization: string | undefined) => boolean,
  extra: object = {},
): { given: () => number } {
  let given = 0;
  registry.faults.push((request, response) => {
    if (!request.url.startsWith("/token")) return false;
    if (!accept(request.headers.authorization)) {
      sendError(response, 401, "UNAUTHORIZED", "incorrect username or password");
      return true;
    }
    given++;
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ token: `token-${given}`, ...extra }));
    return true;
  });
  return { given: () => given };
}

const bearerChallenge = (host = registry.url) =>
  `Bearer realm="${host}/token",service="the, service",scope="repository:some/image:pull"`;

describe("Basic", () => {
  const guard = () => registry.faults.push(guardWith('Basic realm="r"', (authorization) => authorization === BASIC));

  it("shows user and password only after the challenge", async () => {
    guard();
    await pullAll(sourceOf(registry, WITH_PASSWORD).source);
    expect(shown()).toEqual([undefined, BASIC]);
    expect(registry.requests.filter(({ headers }) => headers.authorization === undefined)).toHaveLength(1);
  });

  it("is not asked for where none is needed", async () => {
    await pullAll(sourceOf(registry, WITH_PASSWORD).source);
    expect(shown()).toEqual([undefined]);
  });

  it("refused names where the password came from, and never the password", async () => {
    guard();
    const env = { SINGULARITY_DOCKER_USERNAME: "me", DOCKER_PASSWORD: "wrong-password" };
    const error = await failure({ env });
    expect(error).toMatchObject({
      code: "UNAUTHORIZED",
      message: expect.stringMatching(
        /reading manifest latest in .*: unauthorized.*credentials from SINGULARITY_DOCKER_USERNAME and DOCKER_PASSWORD/,
      ),
    });
    expect(registry.requests).toHaveLength(2);
    expectNo(error, "wrong-password");
  });
});

describe("Bearer", () => {
  const guard = (accept: (token: string) => boolean) =>
    registry.faults.push(
      guardWith(bearerChallenge(), (authorization) => accept(authorization?.replace("Bearer ", "") ?? "")),
    );

  it("takes an anonymous token for all requests", async () => {
    const tokens = serveTokens((authorization) => authorization === undefined);
    guard((token) => token === "token-1");
    await pullAll(sourceOf(registry).source);
    expect(tokens.given()).toBe(1);
    const { searchParams } = new URL(
      registry.requests.find(({ url }) => url.startsWith("/token"))?.url ?? "",
      registry.url,
    );
    expect(Object.fromEntries(searchParams)).toEqual({ service: "the, service", scope: "repository:some/image:pull" });
  });

  it("shows user and password to the token service, and to it alone", async () => {
    serveTokens((authorization) => authorization === BASIC);
    guard((token) => token === "token-1");
    await pullAll(sourceOf(registry, WITH_PASSWORD).source);
    expect(
      registry.requests
        .filter(({ headers }) => headers.authorization === BASIC)
        .every(({ url }) => url.startsWith("/token")),
    ).toBe(true);
  });

  it("asks for the repository where the challenge names no scope", async () => {
    serveTokens(() => true);
    registry.faults.push(
      guardWith(`Bearer realm="${registry.url}/token"`, (authorization) => authorization === "Bearer token-1"),
    );
    await pullAll(sourceOf(registry).source);
    expect(registry.requests.some(({ url }) => url === "/token?scope=repository%3Asome%2Fimage%3Apull")).toBe(true);
  });

  it.each(WAYS)("is renewed when the registry refuses it in the middle of a layer that %s reads", async (way) => {
    const bytes = fileTar(Buffer.alloc(500_000, "layer"));
    registry.push(await makeImage({ layers: [bytes] }));
    const tokens = serveTokens(() => true);
    let valid = "token-1";
    guard((token) => token === valid);
    const before = registry.faults.length;
    registry.faults.push(
      onPath("/blobs/", (request, response) => {
        const wanted = registry.blobs.get(request.url.split("/").at(-1) as `${string}:${string}`);
        if (wanted?.length !== bytes.length || request.headers.range !== undefined) return false;
        valid = "token-2";
        cutBlob(request, response, bytes, 200_000);
        return true;
      }),
    );
    expect(before).toBe(2);
    const [read] = await pullAll(sourceOf(registry).source, never, way);
    expect(read?.equals(bytes)).toBe(true);
    expect(tokens.given()).toBe(2);
    expect(
      registry.requests
        .filter(({ headers }) => headers.range === "bytes=200000-")
        .map(({ headers }) => headers.authorization),
    ).toEqual(["Bearer token-1", "Bearer token-2"]);
  });

  it.each(WAYS)("is renewed before it runs out, for %s", async (way) => {
    // So short that it is over when it begins: on a fast machine a millisecond holds the whole pull.
    const tokens = serveTokens(() => true, { expires_in: Number.MIN_VALUE });
    guard((token) => token.startsWith("token-"));
    await pullAll(sourceOf(registry).source, never, way);
    expect(tokens.given()).toBeGreaterThan(2);
  });

  it("takes access_token for token, as OAuth2 names it", async () => {
    serveTokens(() => true, { token: undefined, access_token: "oauth" });
    guard((token) => token === "oauth");
    expect(await pullAll(sourceOf(registry).source)).toHaveLength(2);
    expect(shown()).toContain("Bearer oauth");
  });

  it("exchanges an identity token by POST", async () => {
    const file = JSON.stringify({
      auths: { [registry.host]: { auth: Buffer.from("x:").toString("base64"), identitytoken: "refresh" } },
    });
    serveTokens(() => true);
    guard((token) => token === "token-1");
    await withAuthFile(file, async (authFile) => {
      await pullAll(sourceOf(registry, { credentials: { authFile } }).source);
    });
    const post = registry.requests.find(({ method }) => method === "POST");
    expect(Object.fromEntries(new URLSearchParams(post?.body))).toEqual({
      grant_type: "refresh_token",
      client_id: "sifon",
      service: "the, service",
      scope: "repository:some/image:pull",
      refresh_token: "refresh",
    });
    expect(post?.headers.authorization).toBeUndefined();
  });

  it("sends a registry token as it is", async () => {
    guard((token) => token === "ready-made");
    await withAuthFile(
      JSON.stringify({ auths: { [registry.host]: { registrytoken: "ready-made" } } }),
      async (authFile) => {
        await pullAll(sourceOf(registry, { credentials: { authFile } }).source);
      },
    );
    expect(shown()).toEqual(["Bearer ready-made"]);
  });

  it("refused password", async () => {
    serveTokens(() => false);
    guard(() => false);
    const error = await failure(WITH_PASSWORD);
    expect(error).toMatchObject({
      code: "TOKEN_REFUSED",
      message: expect.stringMatching(
        /unable to retrieve auth token: invalid username\/password: unauthorized.*credentials from the given user name and the given password/,
      ),
    });
    expectNo(error, PASSWORD, BASIC.slice(6));
  });

  it("refused token, after one renewal", async () => {
    const tokens = serveTokens(() => true);
    guard(() => false);
    expect(await failure()).toMatchObject({
      code: "UNAUTHORIZED",
      message: expect.stringContaining("the image does not exist or is private"),
    });
    expect(tokens.given()).toBe(1);
  });

  it.each([
    ["does not answer with JSON", "not json", "did not answer with JSON"],
    ["answers null", "null", "without a token"],
    ["gives no token", "{}", "without a token"],
    ["gives one that no header can hold", '{"token":"a\\r\\nb"}', "without a token"],
  ])("service that %s", async (_, body, problem) => {
    registry.faults.push(onPath("/token", (_, response) => void response.writeHead(200).end(body)));
    guard(() => false);
    const error = await failure();
    expect(error).toMatchObject({ code: "TOKEN_INVALID", message: expect.stringContaining(problem) });
    expectNo(error, "not json");
  });

  it("service that is down is tried again, then named", async () => {
    registry.faults.push(onPath("/token", (_, response) => sendError(response, 503, "X", "maintenance")));
    guard(() => false);
    expect(await failure()).toMatchObject({
      code: "REGISTRY_FAILED",
      message: expect.stringMatching(/unable to retrieve auth token: 127.* status 503 .*maintenance.*4 tries/),
    });
  });

  it.each(["", "nonsense", "file:///x"])("service at %j is refused", async (realm) => {
    registry.faults.push(guardWith(`Bearer realm="${realm}"`, () => false));
    expect(await failure()).toMatchObject({ code: "TOKEN_INVALID" });
  });
});

describe("credentials and other hosts", () => {
  it("are dropped at a redirect to another host, and do not come back", async () => {
    const store = await startFakeRegistry();
    registry.faults.push(guardWith('Basic realm="r"', (authorization) => authorization === BASIC));
    registry.faults.push(
      onPath(
        "/blobs/",
        (request, response) => void response.writeHead(307, { location: `${store.url}${request.url}` }).end(),
      ),
    );
    store.faults.push((request, response) => {
      const bytes = registry.blobs.get(request.url.split("/").at(-1) as `${string}:${string}`) as Buffer;
      sendBlob(request, response, bytes);
      return true;
    });
    await pullAll(sourceOf(registry, WITH_PASSWORD).source);
    expect(store.requests.length).toBe(3);
    expect(store.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined, undefined]);
    await store.close();
  });

  it("a host that the registry redirects to gets no password by a challenge of its own", async () => {
    const store = await startFakeRegistry();
    store.faults.push((_, response) => {
      response.setHeader("www-authenticate", 'Basic realm="give it to me"');
      sendError(response, 401, "X", "");
      return true;
    });
    registry.faults.push(
      onPath("/manifests/", (_, response) => void response.writeHead(307, { location: `${store.url}/v2/x` }).end()),
    );
    await failure(WITH_PASSWORD);
    expect(store.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    await store.close();
  });

  it("a refresh token is not sent on to another host", async () => {
    const other = await startFakeRegistry();
    registry.faults.push(
      onPath("/token", (_, response) => void response.writeHead(307, { location: `${other.url}/token` }).end()),
    );
    registry.faults.push(guardWith(bearerChallenge(), () => false));
    await withAuthFile(
      JSON.stringify({ auths: { [registry.host]: { identitytoken: "refresh" } } }),
      async (authFile) => {
        expect(await failure({ credentials: { authFile } })).toMatchObject({ code: "REDIRECT_INVALID" });
      },
    );
    expect(other.requests).toEqual([]);
    await other.close();
  });
});

describe("secrets", () => {
  it("that the registry echoes are taken out of its words", async () => {
    registry.faults.push((request, response) => {
      const { authorization } = request.headers;
      if (authorization === undefined) response.setHeader("www-authenticate", 'Basic realm="r"');
      const status = authorization === undefined ? 401 : 403;
      sendError(response, status, "DENIED", `you sent ${authorization} that is ${PASSWORD}`);
      return true;
    });
    const error = await failure(WITH_PASSWORD);
    expect(error).toMatchObject({ code: "DENIED", message: expect.stringContaining("[secret]") });
    expectNo(error, PASSWORD, BASIC.slice(6));
  });
});

async function failure(options: SourceOptions = {}): Promise<SifonError> {
  const { source, events } = sourceOf(registry, options);
  const error = await pullAll(source).then(
    () => new Error("nothing failed"),
    (reason: unknown) => reason,
  );
  expectNo(events, PASSWORD);
  return error as SifonError;
}

/** No text that an error can be turned into holds a secret. */
function expectNo(value: unknown, ...secrets: string[]): void {
  const texts = [
    inspect(value, { depth: 10, showHidden: true }),
    JSON.stringify(value),
    String(value),
    String((value as Error).stack),
  ];
  for (const secret of secrets) for (const text of texts) expect(text.includes(secret)).toBe(false);
}

async function withAuthFile(text: string, use: (path: string) => Promise<void>): Promise<void> {
  const { mkdtemp, rm, writeFile } = await import("node:fs/promises");
  const folder = await mkdtemp("/tmp/sifon-auth-");
  try {
    await writeFile(`${folder}/auth.json`, text);
    await use(`${folder}/auth.json`);
  } finally {
    await rm(folder, { recursive: true });
  }
}
