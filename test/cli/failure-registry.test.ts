import { randomBytes } from "node:crypto";
import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import { describe, it, type TestContext } from "vitest";
import { digestOf } from "../support/registry-image.ts";
import { cutBlob, type Fault, onPath, type SeenRequest, sendBlob, sendError } from "../support/registry-server.ts";
import { CLOSED_PORT } from "../support/service.ts";
import { createRegistry, createWorkplace, expectFailure, putFile } from "./workplace.ts";

type Says = readonly (string | RegExp)[];

/** A layer of bytes that no step needs to understand before the registry has failed. */
const LAYER = randomBytes(600_000);
const LAYER_DIGEST = digestOf(LAYER);
const LAYER_PATH = `/blobs/${LAYER_DIGEST}`;

/** Pulls over an existing file, which has to survive. */
async function expectPullFailure(
  context: TestContext,
  host: string,
  says: Says,
  options: readonly string[] = ["--no-https"],
): Promise<void> {
  const place = await createWorkplace(context);
  await putFile(place, "old.sif", "precious");
  const end = await place.run(["pull", ...options, "--force", "old.sif", `docker://${host}/some/image`]);
  await expectFailure(place, end, {
    says: [/^FATAL: {3}While making image from oci registry: /, ...says],
    files: { "old.sif": "precious" },
  });
}

/** Pulls from a registry with one layer and these faults. */
async function expectFaultFailure(context: TestContext, faults: readonly Fault[], says: Says): Promise<void> {
  const registry = await createRegistry(context, { layers: [LAYER] });
  registry.faults.push(...faults);
  await expectPullFailure(context, registry.host, says);
}

/** Answers with a manifest, which may be anything. */
function manifest(body: string, type = "application/vnd.oci.image.manifest.v1+json"): Fault {
  return onPath("/manifests/", (_, response) => void response.writeHead(200, { "content-type": type }).end(body));
}

/** Answers for the layer. */
function layer(answer: (request: SeenRequest, response: ServerResponse) => unknown): Fault {
  return onPath(LAYER_PATH, answer);
}

describe.concurrent("pull from a registry that cannot be reached", () => {
  it("refuses the connection", async (context) => {
    const host = `127.0.0.1:${CLOSED_PORT}`;
    await expectPullFailure(context, host, [
      `pinging container registry ${host}`,
      /reading manifest latest in 127.*\/some\/image/,
      /ECONNREFUSED.*gave up after 3 tries.*Check the name, the port and the network/,
    ]);
  });

  it("has a name that nobody knows", async (context) => {
    await expectPullFailure(context, "registry.invalid", [
      /registry\.invalid/,
      /ENOTFOUND|EAI_AGAIN/,
      /Check the name/,
    ]);
  });

  it("speaks plain HTTP to a client that wants HTTPS", async (context) => {
    const { host } = await createRegistry(context);
    await expectPullFailure(context, host, ["tls: first record does not look like a TLS handshake", "--no-https"], []);
  });

  it("speaks another protocol", async (context) => {
    const server = createServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n")).listen(0, "127.0.0.1");
    context.onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    await expectPullFailure(context, `127.0.0.1:${port}`, [
      `127.0.0.1:${port} does not speak HTTP`,
      "check the name and the port",
    ]);
  });

  it("sends a header that no header may be", async (context) => {
    const answer = "HTTP/1.1 200 OK\r\nx-evil: a\u0001b\r\ncontent-length: 0\r\n\r\n";
    const server = createServer((socket) => socket.end(answer)).listen(0, "127.0.0.1");
    context.onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    await expectPullFailure(context, `127.0.0.1:${port}`, [
      `127.0.0.1:${port} answered with HTTP that breaks the rules: `,
      "The registry, or a proxy in between, is at fault",
    ]);
  });
});

describe.concurrent("pull from a registry that refuses", () => {
  it.for([
    [401, "UNAUTHORIZED", /: unauthorized .*--docker-username/],
    [403, "DENIED", /: denied: requested access to the resource is denied .*--docker-username/],
    [404, "MANIFEST_UNKNOWN", /: manifest unknown .*Check the tag or digest/],
    [404, "NAME_UNKNOWN", /: name unknown .*Check the repository's name/],
  ] as const)("the manifest with %i %s", async ([status, code, says], context) => {
    const what = /reading manifest latest in 127\.0\.0\.1:\d+\/some\/image: /;
    const fault = onPath("/manifests/", (_, response) => sendError(response, status, code, "no"));
    await expectFaultFailure(context, [fault], [what, says]);
  });

  it.for([
    [401, "UNAUTHORIZED", ": unauthorized"],
    [403, "DENIED", ": denied"],
    [404, "BLOB_UNKNOWN", ": blob unknown to registry"],
  ] as const)("a layer with %i %s", async ([status, code, says], context) => {
    const fault = layer((_, response) => sendError(response, status, code, "no"));
    await expectFaultFailure(context, [fault], [`reading blob ${LAYER_DIGEST} in 127.0.0.1:`, says]);
  });

  it.for(["/manifests/", LAYER_PATH])("%s with 429 for longer than anyone waits", async (part, context) => {
    const fault = onPath(part, (_, response) => {
      response.setHeader("retry-after", "3600");
      sendError(response, 429, "TOOMANYREQUESTS", "slow down");
    });
    await expectFaultFailure(context, [fault], ["toomanyrequests", "slow down", /Log in .*again in 3600 s/]);
  });
});

describe.concurrent("pull of a manifest", () => {
  it.for([
    ["that is not JSON", manifest("{"), /it is not JSON \(it begins "\{"\).*damaged/],
    ["that is a web page", manifest("<html>hi</html>", "text/html"), /HTML page.*login portal/],
    ["of an unknown type", manifest('{"mediaType":"a/b"}', "a/b"), /media type "a\/b" is neither an image manifest/],
    [
      "of a type that would turn the terminal's text round",
      manifest(JSON.stringify({ mediaType: "gpj.\u202ea/b\u001b[2J\u009b" }), "application/json"),
      /^[^\p{Cc}\p{Cf}]*media type "gpj\.\\u202ea\/b\\u001b\[2j\\u009b" is neither/u,
    ],
    [
      "with layers of an unknown type",
      manifest(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: "application/vnd.oci.image.manifest.v1+json",
          config: {
            mediaType: "application/vnd.oci.image.config.v1+json",
            digest: digestOf(Buffer.from("{}")),
            size: 2,
          },
          layers: [{ mediaType: "application/x-rpm", digest: LAYER_DIGEST, size: LAYER.length }],
        }),
      ),
      new RegExp(`layer 1 \\(${LAYER_DIGEST}\\) has the media type "application/x-rpm".*ordinary layers`),
    ],
  ] as const)("%s", async ([, fault, says], context) => {
    await expectFaultFailure(context, [fault], [says]);
  });
});

describe.concurrent("pull of a blob", () => {
  it("with a wrong digest", async (context) => {
    const fault = layer((request, response) => sendBlob(request, response, Buffer.alloc(LAYER.length)));
    await expectFaultFailure(context, [fault], [LAYER_DIGEST]);
  });

  it("that is longer than the manifest says", async (context) => {
    const fault = layer((_, response) => void response.writeHead(200).end(Buffer.concat([LAYER, LAYER])));
    await expectFaultFailure(context, [fault], [LAYER_DIGEST, "600000 bytes"]);
  });

  it("with another length declared", async (context) => {
    const fault = layer((_, response) => void response.writeHead(200, { "content-length": 7 }).end("garbage"));
    await expectFaultFailure(context, [fault], [`Blob ${LAYER_DIGEST} is truncated: it ends after 7 of 600000 bytes`]);
  });

  // These three wait for all six tries, 12 to 16 seconds.
  it("that always ends early", async (context) => {
    const fault = layer((_, response) => void response.writeHead(200).end(LAYER.subarray(0, 1000)));
    await expectFaultFailure(
      context,
      [fault],
      [`reading blob ${LAYER_DIGEST}`, /it ended at byte 1000 of 600000; gave up after 6 tries.*push the image again/],
    );
  });

  it("whose connection always breaks", async (context) => {
    const fault = layer((request, response) => cutBlob(request, response, LAYER, 10));
    await expectFaultFailure(
      context,
      [fault],
      [
        `reading blob ${LAYER_DIGEST}`,
        /the connection .* was lost at byte 60 of 600000.*gave up after 6 tries.*Check the network/,
      ],
    );
  });

  it("whose server dies in the middle", async (context) => {
    const registry = await createRegistry(context, { layers: [LAYER] });
    registry.faults.push(
      layer((request, response) => {
        cutBlob(request, response, LAYER, 100_000);
        registry.stop();
      }),
    );
    await expectPullFailure(context, registry.host, [
      `reading blob ${LAYER_DIGEST}`,
      `pinging container registry ${registry.host}`,
      /at byte 100000 of 600000: .*ECONNREFUSED.*gave up after 6 tries/,
    ]);
  });
});
