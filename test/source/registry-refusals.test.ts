import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSource } from "../../src/source/open-source.ts";
import { makeImage } from "../support/registry-image.ts";
import { type FakeRegistry, onPath, sendBlob, sendError, startFakeRegistry } from "../support/registry-server.ts";
import { CLOSED_PORT } from "../support/service.ts";
import { never, pullAll, QUICK, sourceOf } from "./pull.ts";

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await startFakeRegistry();
  registry.push(await makeImage());
});
afterEach(() => registry.close());

const PAGE = "<!DOCTYPE html><html><body>Sign in</body></html>";

describe("a registry's refusal of the manifest", () => {
  it.each([
    [
      401,
      "UNAUTHORIZED",
      "X",
      "UNAUTHORIZED",
      /reading manifest latest in 127.*\/some\/image: unauthorized .*asks for credentials \(no credentials are given or stored\).*give credentials\./,
    ],
    [
      403,
      "DENIED",
      "requested access",
      "DENIED",
      /denied: requested access to the resource is denied .*give credentials\./,
    ],
    [
      404,
      "NAME_UNKNOWN",
      "repository name not known to registry",
      "NAME_UNKNOWN",
      /reading manifest latest in 127.*: name unknown \(the registry says: repository name not known/,
    ],
    [
      404,
      "MANIFEST_UNKNOWN",
      "manifest unknown",
      "MANIFEST_UNKNOWN",
      /reading manifest latest in .*: manifest unknown .*Check the tag/,
    ],
    [429, "TOOMANYREQUESTS", "slow down", "RATE_LIMITED", /toomanyrequests: .*slow down.*gave up after 4 tries/],
    [
      500,
      "X",
      "internal",
      "REGISTRY_FAILED",
      /answered with status 500 \(the registry says: internal\); gave up after 4 tries/,
    ],
    [503, "X", "down", "REGISTRY_FAILED", /status 503/],
    [400, "X", "bad", "REGISTRY_FAILED", /status 400/],
    [418, "X", "bad", "REGISTRY_FAILED", /status 418/],
  ])("%i %s %s → %s", async (status, errorCode, text, code, message) => {
    registry.faults.push(onPath("/manifests/", (_, response) => sendError(response, status, errorCode, text)));
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it.each([
    [404, "NOT_A_REGISTRY"],
    [400, "NOT_A_REGISTRY"],
    [200, "NOT_A_REGISTRY"],
    [500, "REGISTRY_FAILED"],
  ])("by an HTML page with status %i → %s", async (status, code) => {
    registry.faults.push(
      onPath(
        "/manifests/",
        (_, response) => void response.writeHead(status, { "content-type": "text/html" }).end(PAGE),
      ),
    );
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({ code });
  });

  it.each([
    ["an empty body", 404, ""],
    ["another JSON", 404, '["x"]'],
    ["null", 404, "null"],
    ["plain text", 404, "404 page not found"],
  ])("with %s is still named", async (_, status, body) => {
    registry.faults.push(onPath("/manifests/", (_, response) => void response.writeHead(status).end(body)));
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({ code: "MANIFEST_UNKNOWN" });
  });

  it("is cut to size and freed of control characters", async () => {
    const text = `\u001b[31m${"long ".repeat(1000)}\r\n`;
    registry.faults.push(onPath("/manifests/", (_, response) => sendError(response, 403, "DENIED", text)));
    const error = (await pullAll(sourceOf(registry).source).catch((reason: unknown) => reason)) as Error;
    expect(error.message.length).toBeLessThan(900);
    expect(error.message).not.toMatch(/\p{Cc}/u);
  });

  it("of a blob is named after the blob", async () => {
    for (const digest of registry.blobs.keys())
      if (registry.tags.get("latest") !== digest) registry.blobs.delete(digest);
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({
      code: "BLOB_UNKNOWN",
      message: expect.stringMatching(/^reading blob sha256:[0-9a-f]{64} in 127.*: blob unknown to registry/),
    });
  });
});

describe("a manifest that is not what it should be", () => {
  it.each([
    ["not JSON", "{", "DOCUMENT_NOT_JSON"],
    ["empty", "", "DOCUMENT_NOT_JSON"],
    ["of an unknown type", '{"mediaType":"application/x"}', "MEDIA_TYPE_UNKNOWN"],
    ["of schema 1", '{"schemaVersion":1,"fsLayers":[]}', "MANIFEST_SCHEMA_1"],
    ["too large", " ".repeat(5 << 20), "DOCUMENT_TOO_LARGE"],
  ])("%s", async (_, body, code) => {
    registry.faults.push(onPath("/manifests/", (_, response) => void response.writeHead(200).end(body)));
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({ code });
  });

  it("a digest that the registry does not keep to", async () => {
    const other = await makeImage({ layers: [] });
    registry.faults.push(
      onPath("/manifests/", (request, response) => {
        response.setHeader("docker-content-digest", registry.tags.get("latest") as string);
        sendBlob(request, response, other.blobs.get(other.descriptor.digest) as Buffer);
      }),
    );
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({ code: "MANIFEST_DIGEST_MISMATCH" });
  });

  it("another manifest than the digest asked for", async () => {
    const other = await makeImage({ layers: [] });
    registry.faults.push(
      onPath("/manifests/", (request, response) =>
        sendBlob(request, response, other.blobs.get(other.descriptor.digest) as Buffer),
      ),
    );
    const source = createSource(`docker://${registry.host}/x@${registry.tags.get("latest")}`, QUICK);
    await expect(pullAll(source)).rejects.toMatchObject({ code: "MANIFEST_DIGEST_MISMATCH" });
  });

  it("a config with a wrong digest", async () => {
    registry.faults.push(
      onPath("/blobs/", (request, response) => {
        const bytes = registry.blobs.get(request.url.split("/").at(-1) as `${string}:${string}`) as Buffer;
        sendBlob(request, response, Buffer.alloc(bytes.length));
      }),
    );
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({ code: "BLOB_DIGEST_MISMATCH" });
  });
});

describe("redirects", () => {
  it("are followed within the registry, credentials and all", async () => {
    registry.faults.push(
      onPath("/manifests/latest", (request, response) => {
        const [image] = registry.tags.values();
        response.writeHead(301, { location: request.url.replace("latest", String(image)) }).end();
      }),
    );
    expect(await pullAll(sourceOf(registry).source)).toHaveLength(2);
  });

  it("in a circle end", async () => {
    registry.faults.push(
      onPath("/manifests/", (request, response) => void response.writeHead(302, { location: request.url }).end()),
    );
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({
      code: "REDIRECT_LOOP",
      message: expect.stringContaining("5 redirects"),
    });
    expect(registry.requests).toHaveLength(6);
  });

  it.each(["file:///etc/passwd", "ftp://x/", "http://", "//:bad:"])("to %s are refused", async (location) => {
    registry.faults.push(onPath("/manifests/", (_, response) => void response.writeHead(302, { location }).end()));
    await expect(pullAll(sourceOf(registry).source)).rejects.toMatchObject({ code: "REDIRECT_INVALID" });
  });

  it("never show a signed address in a message", async () => {
    const gone = `http://127.0.0.1:${CLOSED_PORT}/x?signature=TOPSECRET`;
    registry.faults.push(onPath("/blobs/", (_, response) => void response.writeHead(307, { location: gone }).end()));
    const { source, events } = sourceOf(registry);
    const error = (await pullAll(source).catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({ code: "REGISTRY_UNREACHABLE" });
    expect(JSON.stringify([error, error.message, events])).not.toContain("TOPSECRET");
  });
});

describe("a registry that is not there", () => {
  const pull = async (host: string, options = {}) =>
    (await pullAll(createSource(`docker://${host}/x`, { ...QUICK, ...options })).catch(
      (reason: unknown) => reason,
    )) as Error;

  it("refused connection", async () => {
    const host = `127.0.0.1:${CLOSED_PORT}`;
    expect(await pull(host)).toMatchObject({
      code: "REGISTRY_UNREACHABLE",
      message: expect.stringMatching(/^pinging container registry 127.*ECONNREFUSED.*gave up after 3 tries/),
    });
  });

  it("unknown name, without a second try", async () => {
    const error = await pull("registry.invalid");
    // A machine without any name server says EAI_AGAIN, which may pass.
    expect(error).toMatchObject({
      code: "REGISTRY_UNREACHABLE",
      message: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/),
    });
  });

  it("plain HTTP where HTTPS is spoken to it", async () => {
    expect(await pull(registry.host, { noHttps: false })).toMatchObject({
      code: "TLS_NOT_SPOKEN",
      message: expect.stringMatching(
        /Get "https:.*": tls: first record does not look like a TLS handshake.*speaks plain HTTP\./,
      ),
    });
  });

  it("a server that closes every connection at once", async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    expect(await pull(`127.0.0.1:${port}`)).toMatchObject({
      code: "CONNECTION_LOST",
      message: expect.stringContaining("gave up after 4 tries"),
    });
    server.close();
  });

  it("a server that does not speak HTTP", async () => {
    const server = createServer((socket) => socket.end("220 mail ready\r\n")).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    expect(await pull(`127.0.0.1:${port}`)).toMatchObject({ name: "SourceError" });
    server.close();
  });

  it("an HTTPS server where plain HTTP is spoken to it", async () => {
    registry.faults.push(
      onPath(
        "/",
        (_, response) => void response.writeHead(400).end("Client sent an HTTP request to an HTTPS server.\n"),
      ),
    );
    expect(await pull(registry.host)).toMatchObject({
      code: "TLS_REQUIRED",
      message: expect.stringContaining("speaks HTTPS, not plain HTTP."),
    });
    expect(never.aborted).toBe(false);
  });
});
