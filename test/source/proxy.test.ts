import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { request } from "undici";
import { expect, it } from "vitest";
import { createDispatcher } from "../../src/source/registry/dispatcher.ts";
import { startFakeRegistry } from "../support/registry-server.ts";

/** A proxy that takes CONNECT and sends everything to one place, whatever the name. */
async function startProxy(target: string) {
  const asked: string[] = [];
  const server = createServer();
  server.on("connect", (message, client) => {
    asked.push(message.url ?? "");
    const [host, port] = target.split(":");
    const upstream = connect(Number(port), host, () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(client).pipe(upstream);
    });
    upstream.on("error", () => client.destroy());
    client.on("error", () => upstream.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, asked, close };
}

it.each([
  ["a name", "http_proxy", "registry.example:5000", {}, true],
  ["a name, in capitals", "HTTP_PROXY", "registry.example:5000", {}, true],
  ["a name that no_proxy lists", "http_proxy", "localhost.localdomain:1", { no_proxy: "localhost.localdomain" }, false],
  ["loopback", "http_proxy", "LOOPBACK", {}, false],
])("createDispatcher() with a proxy, for %s", async (_, variable, host, env, expected) => {
  const registry = await startFakeRegistry();
  const proxy = await startProxy(registry.host);
  const dispatcher = createDispatcher({ env: { [variable]: proxy.url, ...env }, timeouts: { connectMs: 500 } });
  const url = `http://${host === "LOOPBACK" ? registry.host : host}/v2/`;
  const status = await request(url, { dispatcher }).then(
    async ({ statusCode, body }) => {
      await body.dump();
      return statusCode;
    },
    () => undefined,
  );
  expect(proxy.asked.length > 0).toBe(expected);
  if (expected || host === "LOOPBACK") expect(status).toBe(404);
  await dispatcher.destroy();
  proxy.close();
  await registry.close();
});
