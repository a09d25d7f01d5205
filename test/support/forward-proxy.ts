import { once } from "node:events";
import { createServer, request as send } from "node:http";
import { type AddressInfo, connect } from "node:net";

export interface ForwardProxy {
  readonly url: string;
  /** Addresses that were asked for. */
  readonly asked: readonly string[];
  close(): void;
}

/** A proxy that takes whole addresses and CONNECT, and sends everything to one place, whatever the name. */
export async function startForwardProxy(target: string): Promise<ForwardProxy> {
  const asked: string[] = [];
  const server = createServer((message, response) => {
    asked.push(message.url ?? "");
    const [host, port] = target.split(":");
    const { pathname } = new URL(message.url ?? "");
    const upstream = send({ host, port, path: pathname, method: message.method, headers: message.headers });
    upstream.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    upstream.end();
  });
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
