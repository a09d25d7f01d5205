import { describe, expect, it } from "vitest";
import type { Credential } from "../../src/auth/credential.ts";
import { Secret } from "../../src/auth/secret.ts";
import { fetchBearerToken, type SendTokenRequest } from "../../src/source/registry/token-service.ts";
import { makeImage } from "../support/registry-image.ts";
import { guardWith, sendError, startFakeRegistry } from "../support/registry-server.ts";
import { pullAll, sourceOf } from "./pull.ts";

const ORIGIN = { origin: "a test" };
const PASSWORD: Credential = { kind: "basic", username: "me", password: new Secret("pw"), ...ORIGIN };
const REFRESH: Credential = { kind: "identity-token", token: new Secret("refresh"), ...ORIGIN };
const NOBODY: Credential = { kind: "anonymous", ...ORIGIN };

describe("fetchBearerToken()", () => {
  /** What is sent to the token service for a challenge with this realm. */
  async function sent(realm: string, credential: Credential, plainHttp: boolean) {
    const requests: Parameters<SendTokenRequest>[0][] = [];
    const challenge = { scheme: "bearer", params: new Map([["realm", realm]]) };
    const send: SendTokenRequest = async (request) => {
      requests.push(request);
      throw new Error("sent");
    };
    const error = await fetchBearerToken({
      ...{ challenge, credential, plainHttp, send },
      ...{ scope: "repository:x:pull", what: "reading x" },
    }).catch((reason: unknown) => reason);
    return { requests, error };
  }

  it.each([
    ["user and password", PASSWORD],
    ["a refresh token", REFRESH],
  ])("of an https registry keeps %s from a service that speaks plain HTTP", async (_, credential) => {
    const { requests, error } = await sent("http://auth.example/token", credential, false);
    expect(requests).toEqual([]);
    expect(error).toMatchObject({
      code: "TOKEN_INVALID",
      message: expect.stringMatching(
        /token service auth\.example speaks plain HTTP, over which credentials are not sent/,
      ),
    });
  });

  it.each([
    ["nobody's request over plain HTTP, which holds no secret", "http://auth.example/token", NOBODY, false],
    ["credentials over HTTPS", "https://auth.example/token", PASSWORD, false],
    ["credentials over plain HTTP, where the user asked for that", "http://auth.example/token", PASSWORD, true],
  ])("sends %s", async (_, realm, credential, plainHttp) => {
    const { requests } = await sent(realm, credential, plainHttp);
    expect(requests).toHaveLength(1);
    expect(requests[0]?.authorization === undefined).toBe(credential.kind === "anonymous");
  });
});

describe("a token service on another host", () => {
  it.each([
    ["as registries do", '{"errors":[{"code":"DENIED","message":"no such account"}]}', "no such account"],
    ["as OAuth2 does", '{"error":"invalid_grant","error_description":"expired\\u202e"}', "expired\\u202e"],
    ["as Docker Hub does", '{"details":"incorrect username or password"}', "incorrect username or password"],
  ])("that refuses, %s, is named", async (_, body, words) => {
    const [registry, service] = [await startFakeRegistry(), await startFakeRegistry()];
    try {
      registry.push(await makeImage());
      registry.faults.push(guardWith(`Bearer realm="${service.url}/token"`, () => false));
      service.faults.push((_request, response) => {
        response.writeHead(401).end(body);
        return true;
      });
      const credentials = { username: "me", password: "pw" };
      await expect(pullAll(sourceOf(registry, { credentials }).source)).rejects.toMatchObject({
        code: "TOKEN_REFUSED",
        message: expect.stringContaining(
          `unauthorized (the token service ${service.host} says: ${words}). ${service.host} was shown the credentials`,
        ),
      });
    } finally {
      await registry.close();
      await service.close();
    }
  });

  it("that breaks its answer off is named", async () => {
    const [registry, service] = [await startFakeRegistry(), await startFakeRegistry()];
    try {
      registry.push(await makeImage());
      registry.faults.push(guardWith(`Bearer realm="${service.url}/token"`, () => false));
      service.faults.push((_request, response) => {
        response.writeHead(200, { "content-length": 100 }).write("{", () => response.destroy());
        return true;
      });
      await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({
        code: "CONNECTION_LOST",
        message: expect.stringContaining(`the connection to ${service.host} was lost`),
      });
    } finally {
      await registry.close();
      await service.close();
    }
  });

  it("that is absent altogether leaves the registry's own refusal", async () => {
    const registry = await startFakeRegistry();
    try {
      registry.faults.push((_, response) => {
        sendError(response, 401, "UNAUTHORIZED", "no");
        return true;
      });
      await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({
        code: "UNAUTHORIZED",
        message: expect.stringContaining("(the registry says: no)"),
      });
    } finally {
      await registry.close();
    }
  });
});
