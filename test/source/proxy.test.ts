import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { request } from "undici";
import { expect, it } from "vitest";
import { createDispatcher } from "../../src/source/registry/dispatcher.ts";
import { proxyChoice } from "../../src/source/registry/proxies.ts";
import { startForwardProxy } from "../support/forward-proxy.ts";
import { startFakeRegistry } from "../support/registry-server.ts";

it.each([
  ["a name", { http_proxy: "PROXY" }, "registry.example:5000", true],
  ["a name, in capitals", { HTTP_PROXY: "PROXY" }, "registry.example:5000", true],
  ["a name, by a proxy without a scheme", { http_proxy: "BARE" }, "registry.example:5000", true],
  ["a name, where only HTTPS has a proxy", { https_proxy: "PROXY" }, "localhost.localdomain:1", false],
  [
    "a name that no_proxy lists",
    { http_proxy: "PROXY", no_proxy: "localhost.localdomain" },
    "localhost.localdomain:1",
    false,
  ],
  ["loopback", { http_proxy: "PROXY" }, "LOOPBACK", false],
])("createDispatcher() with a proxy, for %s", async (_, variables, host, expected) => {
  const registry = await startFakeRegistry();
  const proxy = await startForwardProxy(registry.host);
  const env = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      value.replace("PROXY", proxy.url).replace("BARE", proxy.url.slice(7)),
    ]),
  );
  const dispatcher = await createDispatcher({ env, timeouts: { connectMs: 10_000 } });
  const url = `http://${host === "LOOPBACK" ? registry.host : host}/v2/`;
  const status = await request(url, { dispatcher }).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return statusCode;
    },
    () => undefined,
  );
  expect(proxy.asked).toEqual(expected ? [url] : []);
  if (expected || host === "LOOPBACK") expect(status).toBe(200);
  await dispatcher.destroy();
  proxy.close();
  await registry.close();
});

it("createDispatcher() tunnels HTTPS through its proxy, as the user it names", async () => {
  const asked: (string | undefined)[][] = [];
  const server = createServer().on("connect", ({ url, headers }, client) => {
    asked.push([url, headers["proxy-authorization"]]);
    client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const dispatcher = await createDispatcher({ env: { HTTPS_PROXY: `http://me:p%40ss@127.0.0.1:${port}` } });
  await expect(request("https://registry.example/v2/", { dispatcher })).rejects.toThrow(/403/);
  expect(asked).toEqual([["registry.example:443", `Basic ${Buffer.from("me:p@ss").toString("base64")}`]]);
  await dispatcher.destroy();
  server.close();
});

const ALL = { HTTP_PROXY: "http://h:1", HTTPS_PROXY: "https://s:2" };

it.each([
  ["http://registry.example/", {}, "http://h:1"],
  ["https://registry.example/", {}, "https://s:2"],
  ["https://registry.example/", { HTTPS_PROXY: "" }, undefined],
  ["http://registry.example/", { HTTP_PROXY: "", http_proxy: "small:3" }, "http://small:3"],
  ["http://registry.example/", { http_proxy: "http://small:3" }, "http://h:1"],
  ["http://registry.example/", { HTTP_PROXY: "socks5://x:4" }, "socks5://x:4"],
  ["http://localhost/", {}, undefined],
  ["http://127.9.9.9/", {}, undefined],
  ["http://[::1]/", {}, undefined],
  ["http://registry.example/", { NO_PROXY: "*" }, undefined],
  ["http://registry.example/", { NO_PROXY: "example" }, undefined],
  ["http://registry.example/", { no_proxy: " other , Registry.Example " }, undefined],
  ["http://registry.example/", { NO_PROXY: ".example" }, undefined],
  ["http://registry.example/", { NO_PROXY: "*.example" }, undefined],
  ["http://example/", { NO_PROXY: ".example" }, "http://h:1"],
  ["http://xexample/", { NO_PROXY: "example" }, "http://h:1"],
  ["http://registry.example:5000/", { NO_PROXY: "registry.example:5000" }, undefined],
  ["http://registry.example:5001/", { NO_PROXY: "registry.example:5000" }, "http://h:1"],
  ["https://registry.example/", { NO_PROXY: "registry.example:443" }, undefined],
  ["http://10.1.2.3/", { NO_PROXY: "10.0.0.0/8" }, undefined],
  ["http://11.1.2.3/", { NO_PROXY: "10.0.0.0/8" }, "http://h:1"],
  ["http://10.1.2.3:80/", { NO_PROXY: "10.1.2.3" }, undefined],
  ["http://10.1.2.3:81/", { NO_PROXY: "10.1.2.3:80" }, "http://h:1"],
  ["http://[fd00::1]/", { NO_PROXY: "fd00::/16" }, undefined],
  ["http://[fd00::1]/", { NO_PROXY: "fd00::1" }, undefined],
  ["http://[fd00::1]:99/", { NO_PROXY: "[fd00::1]:99" }, undefined],
  ["http://registry.example/", { NO_PROXY: ",, ,:,/8,10.0.0.0/99" }, "http://h:1"],
])("proxyChoice() for %s with %j", (url, env, expected) => {
  expect(proxyChoice({ ...ALL, ...env })(new URL(url))?.href.replace(/\/$/, "")).toBe(expected);
});

it.each(["ftp://x", "http://", "http://secret@:99999"])("proxyChoice() refuses %j without quoting it", (value) => {
  expect(() => proxyChoice({ https_proxy: value })).toThrow(/^Cannot use the proxy that https_proxy names: write/);
});
