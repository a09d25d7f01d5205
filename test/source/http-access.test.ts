import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openHttpAccess } from "../../src/source/http-access.ts";
import { SquashfsImage } from "../../src/squashfs/reader/image.ts";
import { treeOfImage } from "../support/squashfs-tree.ts";
import { NO_ANSWER, QUICK } from "./pull.ts";

const PATH = new URL("../../fixtures/squashfs/gzip.squashfs", import.meta.url);
const FILE = readFileSync(PATH);
const OPTIONS = { env: { HOME: "/nonexistent" }, retry: QUICK.retry ?? {}, timeouts: QUICK.timeouts ?? {} };
const SILENT = "says nothing";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let url: string;
let handler: Handler;
const requests: IncomingMessage[] = [];

beforeEach(async () => {
  requests.length = 0;
  handler = serve(FILE, '"v1"');
  server = createServer((request, response) => {
    requests.push(request);
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://user@127.0.0.1:${(server.address() as AddressInfo).port}/x.sqfs?signature=SECRET`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A server as RFC 9110 wants it: single ranges, and the whole file where If-Range does not hold. */
function serve(file: Buffer, etag: string): Handler {
  return ({ headers }, response) => {
    const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    const holds = headers["if-range"] === undefined || headers["if-range"] === etag;
    if (start === undefined || !holds) {
      response.writeHead(200, { etag }).end(file);
      return;
    }
    const end = Math.min(Number(last) + 1, file.length);
    const range = `bytes ${start}-${end - 1}/${file.length}`;
    response.writeHead(206, { etag, "content-range": range }).end(file.subarray(Number(start), end));
  };
}

/** Does it once, then serves well. */
function once(fault: Handler): Handler {
  let done = false;
  return (request, response) => {
    if (done || request.headers.range === "bytes=0-0") return serve(FILE, '"v1"')(request, response);
    done = true;
    fault(request, response);
  };
}

describe("openHttpAccess()", () => {
  it("gives the squashfs reader what a file gives it, and a part of it for one path", async () => {
    const source = await openHttpAccess(url, OPTIONS);
    expect(source.size).toBe(FILE.length);
    expect(await treeOfImage(source)).toEqual(await treeOfImage(PATH.pathname));
    const before = requests.length;
    const image = await SquashfsImage.open(source);
    expect(await image.lookup("dir")).toMatchObject({ kind: "directory" });
    expect(requests.length - before).toBeLessThan(12);
    expect(requests.every(({ headers }) => headers.range !== undefined)).toBe(true);
    await source.close();
  });

  it.each([
    ["breaks off", (_: IncomingMessage, response: ServerResponse) => void response.destroy()],
    [
      "breaks off in the middle",
      ({ headers }: IncomingMessage, response: ServerResponse) => {
        const [, start, last] = /(\d+)-(\d+)/.exec(headers.range ?? "") ?? [];
        const size = Number(last) + 1 - Number(start);
        response.writeHead(206, { "content-range": `bytes ${start}-${last}/${FILE.length}`, "content-length": size });
        response.write(FILE.subarray(Number(start), Number(start) + 1), () => response.destroy());
      },
    ],
    ["is busy", (_: IncomingMessage, response: ServerResponse) => void response.writeHead(503).end()],
    [SILENT, () => {}],
  ])("tries again where the server %s", async (what, fault) => {
    handler = once(fault);
    const source = await openHttpAccess(url, { ...OPTIONS, ...(what === SILENT ? NO_ANSWER : {}) });
    expect(Buffer.from(await source.read(100, 300)).equals(FILE.subarray(100, 400))).toBe(true);
    await source.close();
  });

  it.each<[string, Handler, string]>([
    ["that is not there", (_, r) => void r.writeHead(404).end("no"), "FILE_REFUSED"],
    ["that asks for a password", (_, r) => void r.writeHead(401).end("no"), "FILE_REFUSED"],
    ["behind a server without ranges", (_, r) => void r.writeHead(200).end(FILE), "FILE_RANGES_UNSUPPORTED"],
    [
      "that is empty",
      (_, r) => void r.writeHead(416, { "content-range": "bytes */0" }).end(),
      "FILE_RANGES_UNSUPPORTED",
    ],
    [
      "whose server sends another range",
      (_, r) => void r.writeHead(206, { "content-range": "bytes 5-5/100" }).end("x"),
      "FILE_RANGES_UNSUPPORTED",
    ],
    ["whose server is always down", (_, r) => void r.destroy(), "FILE_UNREACHABLE"],
    ["in a circle", ({ url: to }, r) => void r.writeHead(302, { location: to }).end(), "REDIRECT_LOOP"],
  ])("refuses a file %s, without the secret", async (_, answer, code) => {
    handler = answer;
    const error = await openHttpAccess(url, OPTIONS).catch((reason: Error) => reason);
    expect(error).toMatchObject({ code });
    expect(String((error as Error).message)).not.toMatch(/SECRET|user@/);
  });

  /** Answers a range with these headers, whatever If-Range says. */
  const answer =
    (tag: Record<string, string>, contentRange: string, size: number): Handler =>
    (_, response) =>
      void response.writeHead(206, { ...tag, "content-range": contentRange }).end(FILE.subarray(10, 10 + size));
  const right = `bytes 10-19/${FILE.length}`;
  const whole =
    (etag: string): Handler =>
    (_, response) =>
      void response.writeHead(200, { etag }).end(FILE);

  it.each<[string, string, Handler, string]>([
    ["a longer file has its place", '"v1"', serve(Buffer.concat([FILE, FILE]), '"v2"'), "FILE_CHANGED"],
    ["a file of the same size has its place", '"v1"', serve(FILE, '"v2"'), "FILE_CHANGED"],
    ["the tag changes in a server without If-Range", '"v1"', answer({ etag: '"v2"' }, right, 10), "FILE_CHANGED"],
    ["a weak tag changes", 'W/"v1"', answer({ etag: 'W/"v2"' }, right, 10), "FILE_CHANGED"],
    ["the size changes under one tag", '"v1"', answer({ etag: '"v1"' }, "bytes 10-19/20", 10), "FILE_CHANGED"],
    ["the same file comes whole", '"v1"', whole('"v1"'), "FILE_RANGES_UNSUPPORTED"],
    ["an earlier range comes", '"v1"', answer({}, `bytes 9-18/${FILE.length}`, 10), "FILE_RANGES_UNSUPPORTED"],
    ["a longer range comes", '"v1"', answer({}, `bytes 10-20/${FILE.length}`, 11), "FILE_RANGES_UNSUPPORTED"],
    ["a shorter range comes", '"v1"', answer({}, `bytes 10-18/${FILE.length}`, 9), "FILE_RANGES_UNSUPPORTED"],
    ["nothing says which range comes", '"v1"', answer({}, "bytes */*", 10), "FILE_RANGES_UNSUPPORTED"],
    ["fewer bytes come than announced", '"v1"', answer({}, right, 9), "FILE_UNREACHABLE"],
    ["more bytes come than announced", '"v1"', answer({}, right, 11), "FILE_UNREACHABLE"],
    ["the connection breaks each time", '"v1"', (_, response) => void response.destroy(), "FILE_UNREACHABLE"],
    ["it is gone", '"v1"', (_, response) => void response.writeHead(404).end(), "FILE_REFUSED"],
  ])("a read is refused, without the secret, where %s", async (_, etag, fault, code) => {
    handler = serve(FILE, etag);
    const source = await openHttpAccess(url, OPTIONS);
    handler = fault;
    const error = await source.read(10, 10).catch((reason: Error) => reason);
    expect(error).toMatchObject({ code });
    expect((error as Error).message).toMatch(/127\.0\.0\.1:\d+\/x\.sqfs/);
    expect((error as Error).message).not.toMatch(/SECRET|user@/);
    await source.close();
  });

  it.each([{ etag: '"v1"' }, {}])("reads on where later answers name %j", async (tag) => {
    const source = await openHttpAccess(url, OPTIONS);
    handler = answer(tag, right, 10);
    expect(Buffer.from(await source.read(10, 10)).equals(FILE.subarray(10, 20))).toBe(true);
    await source.close();
  });

  it.each([
    [0, FILE.length + 1],
    [-1, 1],
    [0.5, 1],
  ])("read(%d, %d) is a RangeError", async (offset, size) => {
    const source = await openHttpAccess(url, OPTIONS);
    await expect(source.read(offset, size)).rejects.toBeInstanceOf(RangeError);
    await source.close();
  });
});

it("openHttpAccess() takes http and https only", async () => {
  await expect(openHttpAccess("file:///etc/passwd")).rejects.toBeInstanceOf(TypeError);
});
