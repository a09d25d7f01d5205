import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";

/** A bad network in front of a server. */
export interface CuttingProxy {
  readonly host: string;
  /** How many connections were broken. */
  cuts(): number;
  /** Bytes of the server's answers that were handed on, heads among them. */
  forwarded(): number;
  close(): void;
}

/** Forwards TCP connections to a host, and breaks each after so many bytes of its answers. */
export async function startCuttingProxy(target: string, cutAfter: number): Promise<CuttingProxy> {
  const [host, port] = target.split(":");
  let forwarded = 0;
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), host);
    let passed = 0;
    client.on("error", () => upstream.destroy());
    upstream.on("error", () => client.destroy());
    client.pipe(upstream);
    upstream.on("close", () => client.end());
    upstream.on("data", (chunk: Buffer) => {
      const part = chunk.subarray(0, cutAfter - passed);
      passed += part.length;
      forwarded += part.length;
      if (passed < cutAfter) {
        if (!client.write(part)) upstream.pause();
        return;
      }
      cuts++;
      client.end(part);
      upstream.destroy();
    });
    client.on("drain", () => upstream.resume());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host: address, cuts: () => cuts, forwarded: () => forwarded, close: () => void server.close() };
}
