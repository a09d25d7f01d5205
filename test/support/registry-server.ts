import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Digest } from "../../src/oci/digest.ts";
import type { Blobs, TestImage } from "./registry-image.ts";

/** A request as it came in; tests look at these, and faults decide by them. */
export interface SeenRequest {
  readonly method: string;
  /** Path with query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** Which request for this path it is, from 1. */
  readonly count: number;
}

/** Answers in the place of the registry when it returns true (having begun an answer, or left it hanging). */
export type Fault = (request: SeenRequest, response: ServerResponse) => boolean | undefined;

export interface FakeRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly url: string;
  readonly requests: SeenRequest[];
  readonly blobs: Blobs;
  /** Tag → digest. */
  readonly tags: Map<string, Digest>;
  /** Asked first for each request, in order. */
  readonly faults: Fault[];
  /** Connections that are open at present. */
  readonly connections: ReadonlySet<Socket>;
  push(image: TestImage, tag?: string): void;
  /** No further connection is taken, as when the process has died; answers under way go on. */
  stop(): void;
  close(): Promise<void>;
}

/**
 * A registry that serves what is pushed into it, under any repository name, as the distribution spec says:
 * HEAD and GET, digests declared, single ranges. Faults make it as bad as a test needs.
 */
export async function startFakeRegistry(): Promise<FakeRegistry> {
  const blobs: Blobs = new Map();
  const tags = new Map<string, Digest>();
  const faults: Fault[] = [];
  const requests: SeenRequest[] = [];
  const connections = new Set<Socket>();
  const counts = new Map<string, number>();

  const server = createServer((message, response) => {
    // A request that breaks off has nobody to answer.
    receive(message, response).catch(() => response.destroy());
  });
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
  });

  async function receive(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk);
    const { method = "GET", url = "/", headers } = message;
    const count = (counts.get(url) ?? 0) + 1;
    counts.set(url, count);
    const request = { method, url, headers, body: Buffer.concat(chunks).toString(), count };
    requests.push(request);
    if (!faults.some((fault) => fault(request, response) === true)) serve(request, response);
  }

  function serve(request: SeenRequest, response: ServerResponse): void {
    if (request.url === "/v2/") {
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
      return;
    }
    const match = /^\/v2\/.+\/(manifests|blobs)\/([^/]+)$/.exec(request.url);
    const [, kind, reference = ""] = match ?? [];
    const digest = tags.get(reference) ?? (reference as Digest);
    const bytes = blobs.get(digest);
    if (bytes === undefined) {
      const code = kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN";
      sendError(response, 404, code, code.toLowerCase().replace("_", " "));
      return;
    }
    response.setHeader("docker-content-digest", digest);
    if (kind === "manifests") {
      const { mediaType } = JSON.parse(bytes.toString()) as { mediaType?: string };
      response.setHeader("content-type", mediaType ?? "application/json");
    }
    sendBlob(request, response, bytes);
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}`,
    requests,
    blobs,
    tags,
    faults,
    connections,
    push(image, tag = "latest") {
      for (const [digest, bytes] of image.blobs) blobs.set(digest, bytes);
      tags.set(tag, image.descriptor.digest);
    },
    stop() {
      server.close();
    },
    async close() {
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, "close");
    },
  };
}

/** Sends bytes, or the range of them that is asked for. */
export function sendBlob(request: SeenRequest, response: ServerResponse, bytes: Buffer): void {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
  const start = range === null ? 0 : Number(range[1]);
  if (range !== null && start >= bytes.length) {
    response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    return;
  }
  const body = bytes.subarray(start);
  response.writeHead(range === null ? 200 : 206, {
    "content-length": body.length,
    ...(range === null ? {} : { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

/** An error document of the distribution spec. */
export function sendError(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

/** Declares all the bytes, sends those before `cut`, then breaks the connection. */
export function cutBlob(request: SeenRequest, response: ServerResponse, bytes: Buffer, cut: number): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "bytes=0-")?.[1]);
  response.writeHead(start === 0 ? 200 : 206, {
    "content-length": bytes.length - start,
    ...(start === 0 ? {} : { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` }),
  });
  response.write(bytes.subarray(start, start + cut), () => setTimeout(() => response.destroy(), 20));
}

/** A fault for requests whose path has `part`; one that returns false leaves the request to the registry. */
export function onPath(part: string, fault: (request: SeenRequest, response: ServerResponse) => unknown): Fault {
  return (request, response) => (request.url.includes(part) ? fault(request, response) !== false : undefined);
}

/** Requests with the headers of a challenge unless `accept` likes their Authorization header. */
export function guardWith(challenge: string, accept: (authorization: string | undefined) => boolean): Fault {
  return ({ url, headers }, response) => {
    if (!url.startsWith("/v2/") || accept(headers.authorization)) return false;
    response.setHeader("www-authenticate", challenge);
    sendError(response, 401, "UNAUTHORIZED", "authentication required");
    return true;
  };
}
